"""What is done to a database that has been put back, before anybody may use it."""

import time
from datetime import datetime

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import InstrumentedAttribute

from ..database import Database, database
from ..events import now
from . import Restoring

SURE_GAP = 1_000_000
IDS_A_SECOND = 1000
"""More than one table of one database can give out, for as long as the backup is old."""


def epoch() -> int:
    """More than any version given out so far: those count up by one from a smaller time, or from 1."""
    return time.time_ns() // 1_000_000


def settle(restoring: Restoring, taken_at: datetime, remembered: object) -> None:
    """Makes the restored database fit for use, in one transaction."""
    for column in restoring.owns:
        raise_versions(column, epoch())
    skip_ids(SURE_GAP + int((now() - taken_at).total_seconds() * IDS_A_SECOND))
    restoring.settles(remembered)
    database.session.commit()


def raise_versions(column: InstrumentedAttribute[int], to: int) -> None:
    """What the owner says from now on is newer than whatever others have kept."""
    change = sa.update(column.class_).where(column < to).values({column: to})
    database.session.execute(change.execution_options(synchronize_session=False))


def skip_ids(gap: int) -> None:
    """An id that was given out after the backup is somewhere in a copy, a link or a log, and stays what it
    was."""
    for table in giving_ids(current_app.extensions["sqlalchemy"]):
        column = table.autoincrement_column
        highest = database.session.scalar(sa.select(sa.func.max(column))) or 0
        _continue_at(table, highest + gap)


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
    column = table.autoincrement_column
    sequence = sa.func.pg_get_serial_sequence(table.name, column.name if column is not None else "")
    database.session.execute(sa.select(sa.func.setval(sequence, id)))
