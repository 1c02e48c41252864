"""The outbox: events are rows, written in the transaction of what caused them (transactional outbox pattern).

So an event exists exactly when its cause was committed, whatever happens to the bus. `relay` sends them
afterwards.
"""

import logging
import time
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app, g, has_request_context
from pydantic import BaseModel
from sqlalchemy.ext.compiler import compiles

from . import failpoints, idempotency, tracing
from .bell import CHANNEL
from .bus import Message, Publisher
from .database import Database, database
from .events import Event, iso, new_id, now
from .metrics import SENT, UNROUTABLE
from .settings import settings
from .tables import BigId, Timestamp

log = logging.getLogger(__name__)
BATCH = 100
TELL_EVERY = 30.0


class Ringing(sa.TextClause):
    """An INSERT. Where the database itself is the bell it rings with the commit, without a statement more."""

    inherit_cache = True


@compiles(Ringing, "postgresql")
def _and_ring(text: Ringing, compiler: Any, **given: Any) -> str:
    return f"{compiler.visit_textclause(text, **given)} RETURNING pg_notify('{CHANNEL}', '')"


WRITE = Ringing(
    "INSERT INTO outbox (event_id, type, body, about, created_at)"
    " VALUES (:event_id, :type, :body, :about, :created_at)"
).bindparams(sa.bindparam("created_at", type_=Timestamp))
UNSENT = sa.text("SELECT id FROM outbox WHERE sent_at IS NULL LIMIT 1").columns(sa.column("id", BigId))
NEXT = "SELECT id, event_id, type, body FROM outbox WHERE sent_at IS NULL ORDER BY tries, id LIMIT :size"
CLAIM, LOOK = sa.text(f"{NEXT} FOR UPDATE SKIP LOCKED"), sa.text(NEXT)
THESE: sa.BindParameter[list[int]] = sa.bindparam("ids", expanding=True)
SENT_NOW = sa.text("UPDATE outbox SET sent_at = :at WHERE id IN :ids").bindparams(
    THESE, sa.bindparam("at", type_=Timestamp)
)
TRIED = sa.text("UPDATE outbox SET tries = tries + 1 WHERE id IN :ids").bindparams(THESE)


def event(type: str, subject: Any, version: int, data: BaseModel, about: int | None = None) -> Event:
    """An event of this service, as of now."""
    trace = (
        {"traceparent": g.get("traceparent", ""), "requestid": g.get("request_id", "")}
        if has_request_context()
        else {}
    )
    return Event(
        type=type,
        subject=str(subject),
        version=version,
        data=data.model_dump(mode="json"),
        source=f"/{current_app.name}",
        id=new_id(),
        time=iso(now()),
        about=about,
        **trace,
    )


def add(type: str, subject: Any, version: int, data: BaseModel, about: int | None = None) -> Event:
    """Writes an event into the current transaction; it goes out after the commit.

    Args:
        type: `service.thing_happened.vN`.
        subject: whose state it is; `version` only grows for one subject.
        data: that whole state, for everybody to read.
        about: the person whose data that is, if it is anybody's.
    """
    happened = event(type, subject, version, data, about)
    row = {"event_id": happened.id, "type": type, "body": happened.to_json(), "about": about}
    database.change(WRITE, row | {"created_at": now()})
    failpoints.reach("write.outbox-row")
    database.happened(type)
    if current_app.extensions["bell"] is not None:
        database.ring()
    name = f"{type}:{happened.id}"
    idempotency.remember_event(happened.subject, name)
    if has_request_context():
        g.setdefault("event_ids", []).append(name)
    return happened


def relay(app: Flask, publisher: Publisher) -> int:
    """Sends what is not yet sent, at most `BATCH` rows. Returns how many rows are settled.

    Rows are taken by "not yet sent", never by "id greater than the last": an id taken early can be committed
    late. On PostgreSQL the rows stay locked meanwhile (SKIP LOCKED lets a second relay take others); on
    SQLite no lock is held while publishing, and two relays would send twice, which the inbox absorbs.
    """
    db: Database = app.extensions["sqlalchemy"]
    if db.engine.dialect.name == "sqlite":
        return _mark(db, *_publish(app, publisher, _unsent(app.extensions["reader"].connect())))
    with db.engine.begin() as connection:
        claimed = list(connection.execute(CLAIM, {"size": BATCH}))
        return _mark(db, *_publish(app, publisher, claimed), connection)


def waiting() -> bool:
    """Whether anything is not sent yet, or another relay has it in hand; from a replica, as of just now."""
    return database.row(UNSENT) is not None


def all_sent() -> bool:
    """Whether nothing waits, as the database knows it that is written to: a replica may be behind."""
    if not settings.database_reader:
        return not waiting()
    with database.engine.connect() as connection:
        return connection.scalar(UNSENT) is None


def _unsent(connection: sa.Connection) -> list[Any]:
    """As they are now; nothing stays locked."""
    with connection:
        return list(connection.execute(LOOK, {"size": BATCH}))


def _publish(app: Flask, publisher: Publisher, rows: list[Any]) -> tuple[list[int], list[int]]:
    """The ids of the rows that are sent, and of those that no queue takes. An event declared as unheard needs
    no queue: it counts as sent when the bus has had it.
    """
    if not rows:
        return [], []
    failpoints.reach("relay.claimed")
    spans = tracing.sending(rows)
    confirmed = publisher.publish([Message(row.event_id, row.type, bytes(row.body)) for row in rows])
    for span in spans:
        span.end()
    failpoints.reach("relay.confirmed")
    unheard = app.extensions["unheard"]
    sent = [row.id for row in rows if row.event_id in confirmed or row.type in unheard]
    waiting = {row.id: row.type for row in rows if row.event_id not in confirmed and row.type not in unheard}
    SENT.inc(len(sent))
    if waiting:
        UNROUTABLE.inc(len(waiting))
        _tell(app, sorted(set(waiting.values())))
    return sent, list(waiting)


def _tell(app: Flask, types: list[str]) -> None:
    """At most every `TELL_EVERY` seconds: the metric and the age of the oldest event say the rest."""
    told = app.extensions.setdefault("unroutable told", float("-inf"))
    if time.monotonic() - told > TELL_EVERY:
        app.extensions["unroutable told"] = time.monotonic()
        log.error("no queue takes these events; they wait", extra={"types": types})


def _mark(db: Database, sent: list[int], unsent: list[int], connection: sa.Connection | None = None) -> int:
    if not sent and not unsent:
        return 0
    if connection is None:
        with db.engine.begin() as connection:
            return _mark(db, sent, unsent, connection)
    if sent:
        connection.execute(SENT_NOW, {"ids": sent, "at": now()})
        failpoints.reach("relay.marked")
    if unsent:
        connection.execute(TRIED, {"ids": unsent})
    return len(sent)
