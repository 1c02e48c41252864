"""Forgetting a person: what the tables of the chassis hold of one whose account is gone.

- Events that were sent keep their envelope (that they happened is part of the books) and lose their data.
- Parked ones, which nobody could handle, count as handled: whatever they say, the person is gone.
- Answers that the person could ask for again by an Idempotency-Key go.

What is still to be sent, or tried again, is waited for: it is handled like any late event. What comes after
all that, and cannot be handled, is found by `settle_late`.
"""

from typing import Any

import orjson
import sqlalchemy as sa

from . import wal
from .database import database
from .events import now

BATCH = 500


def forget(person: int) -> bool:
    """Erases a part of it within the current transaction. Tells whether nothing is left.

    Idempotent; call it again, each time with a commit, until it says so.
    """
    _leave_the_file()
    _blank_events(person)
    _settle_parked(person)
    keys = database.idempotency_keys
    database.session.execute(sa.delete(keys).where(keys.c.owner == person))
    return not any(_is_left(table, person) for table in (database.outbox, database.parked))


def settle_late(forgotten: sa.Select[int]) -> None:
    """Settles what was given up of people (their numbers) who were forgotten before it came; commits. To be
    called by the job that forgets.
    """
    parked = database.parked
    given_up = parked.c.about.isnot(None), parked.c.next_try_at.is_(None)
    late = sa.select(parked.c.about).where(*given_up, parked.c.about.in_(forgotten)).distinct().limit(BATCH)
    for row in database.rows(late):
        forget(row["about"])
        database.session.commit()


def _leave_the_file() -> None:
    url = database.engine.url
    if url.get_backend_name() == "sqlite" and url.database:
        wal.ask_for_vacuum(url.database)


def _blank_events(person: int) -> None:
    outbox = database.outbox
    sent = sa.select(outbox.c.id, outbox.c.body).where(outbox.c.about == person, outbox.c.sent_at.isnot(None))
    change = sa.update(outbox).where(outbox.c.id == sa.bindparam("of"))
    change = change.values(body=sa.bindparam("blank"), about=None)
    rows = database.session.execute(sent.limit(BATCH)).all()
    if rows:
        blanked = [{"of": row.id, "blank": blank(bytes(row.body))} for row in rows]
        database.session.connection().execute(change, blanked)


def blank(body: bytes) -> bytes:
    """An event without its data: what happened to which subject, and when."""
    members = orjson.loads(body)
    members.pop("about", None)
    return orjson.dumps(members | {"data": {}})


def _settle_parked(person: int) -> None:
    parked, inbox = database.parked, database.inbox
    given_up = sa.select(parked.c.id, parked.c.event_id, parked.c.type)
    given_up = given_up.where(parked.c.about == person, parked.c.next_try_at.is_(None))
    for row in database.session.execute(given_up.limit(BATCH)).all():
        if not database.session.scalar(sa.select(sa.literal(1)).where(inbox.c.event_id == row.event_id)):
            handled: dict[str, Any] = {"event_id": row.event_id, "type": row.type, "handled_at": now()}
            database.session.execute(sa.insert(inbox).values(handled))
        database.session.execute(sa.delete(parked).where(parked.c.id == row.id))


def _is_left(table: sa.Table, person: int) -> bool:
    left = sa.select(sa.literal(1)).where(table.c.about == person).limit(1)
    return database.session.scalar(left) is not None
