"""What is done to a database that has been put back, before anybody may use it."""

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import InstrumentedAttribute

from ..database import Database, database
from ..events import now
from . import Restoring, unsettled
from .unsettled import Memory

log = logging.getLogger(__name__)
SURE_GAP = 1_000_000
IDS_A_SECOND = 1000
"""More than one table of one database can give out, for as long as the backup is old."""


def epoch() -> int:
    """More than any version given out so far: those count up by one from a smaller time, or from 1."""
    return time.time_ns() // 1_000_000


def remember(restoring: Restoring, tables: Iterable[str]) -> Memory:
    """What must not be forgotten: what is noted outside, what the database that is replaced knows, and what a
    restore that was broken off has left in it. Raises `OSError`.

    Args:
        tables: of the database that is replaced; none, if there is nothing to ask.
    """
    left = _left() if unsettled.TABLE.name in tables else Memory()
    told, highest = {*left.remembered, *restoring.noted()}, dict(left.highest)
    if tables:
        told |= {*_readable(restoring.remembers, ())}
        for table in giving_ids(current_app.extensions["sqlalchemy"]):
            known = _readable(partial(newest_id, table), 0)
            highest[table.name] = max(known, highest.get(table.name, 0))
    return Memory(sorted(told), highest)


def _left() -> Memory:
    return Memory(**json.loads(database.session.scalar(sa.select(unsettled.TABLE.c.memory))))


def _readable(read: Callable[[], Any], otherwise: Any) -> Any:
    """The database that is replaced may be too broken, or too old, to know."""
    try:
        return read()
    except sa.exc.SQLAlchemyError as error:
        log.warning("the replaced database cannot be read", extra={"reason": str(error).split("\n")[0]})
        return otherwise
    finally:
        database.session.remove()


def settle(restoring: Restoring, taken_at: datetime, memory: Memory) -> None:
    """Makes the restored database fit for use, in one transaction, however long that takes."""
    if database.engine.dialect.name == "postgresql":
        database.session.execute(sa.text("SET LOCAL statement_timeout = 0"))
    for column in restoring.owns:
        raise_versions(column, epoch())
    age = max(0.0, (now() - taken_at).total_seconds())  # the clock of the backup may have been ahead
    skip_ids(SURE_GAP + int(age * IDS_A_SECOND), memory.highest)
    restoring.settles(memory.remembered)
    database.session.execute(unsettled.LIFT)
    database.session.commit()


def raise_versions(column: InstrumentedAttribute[int], to: int) -> None:
    """What the owner says from now on is newer than whatever others have kept."""
    change = sa.update(column.class_).where(column < to).values({column: to})
    database.session.execute(change.execution_options(synchronize_session=False))


def skip_ids(gap: int, known: Mapping[str, int]) -> None:
    """An id that was given out after the backup is somewhere in a copy, a link or a log, and stays what it
    was. `known` are the highest that the replaced database has given, by table.
    """
    for table in giving_ids(current_app.extensions["sqlalchemy"]):
        highest = newest_id(table)
        _continue_at(table, max(highest, known.get(table.name, 0)) + gap)


def newest_id(table: sa.Table) -> int:
    """The highest that this table has given; its row may be gone, or was never committed."""
    if database.engine.dialect.name == "sqlite":
        sequences = sa.table("sqlite_sequence", sa.column("name"), sa.column("seq"))
        last = sa.select(sequences.c.seq).where(sequences.c.name == table.name)
    else:
        last = sa.select(sa.func.pg_sequence_last_value(_sequence(table)))
    present = sa.select(sa.func.max(table.autoincrement_column))
    return max(database.session.scalar(each) or 0 for each in (present, last))


def giving_ids(db: Database) -> list[sa.Table]:
    """The tables that give ids which others may know."""
    own = {db.outbox, db.inbox, db.parked, db.idempotency_keys}
    tables = [table for table in db.metadata.sorted_tables if table not in own]
    return [
        table
        for table in tables
        if table.autoincrement_column is not None and table.dialect_options["sqlite"]["autoincrement"]
    ]


def _continue_at(table: sa.Table, id: int) -> None:
    if database.engine.dialect.name == "sqlite":
        forget = sa.text("DELETE FROM sqlite_sequence WHERE name = :name")
        database.session.execute(forget, {"name": table.name})
        note = sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :id)")
        database.session.execute(note, {"name": table.name, "id": id})
        return
    database.session.execute(sa.select(sa.func.setval(_sequence(table), id)))


def _sequence(table: sa.Table) -> Any:
    column = table.autoincrement_column
    return sa.func.pg_get_serial_sequence(table.name, column.name if column is not None else "")
