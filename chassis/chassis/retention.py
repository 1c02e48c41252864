"""Retention: what is kept for how long, and how it goes: in small transactions, found by an index.

    keeps=[Retention(Mail.__table__, "created_at", timedelta(days=30))]

A row older than its period is removed within a minute or two. The tables of the chassis:

- `outbox`: events that were sent. They are needed no more; two days help somebody who looks for one.
- `inbox`: ids of events that were handled. They save work when the bus delivers twice, which it does within
  minutes. An event that comes again after its id was forgotten (a replay, a restored queue) is handled once
  more and changes nothing: handlers overwrite only what is older, by the version of the subject.
- `parked`: what nobody has looked at for a quarter of a year; the alarm has been on all the time.
- `idempotency_keys`: the answers that a caller may ask for again for a day.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask

from . import wal
from .database import Database
from .events import now
from .metrics import FORGOTTEN
from .pace import AT_A_TIME
from .settings import settings

log = logging.getLogger(__name__)
BATCH = 500
PAUSE = 0.01  # between two batches: SQLite has one writer at a time
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Retention:
    """Rows of a table are kept until `moment` (a column with an index) is older than `period`.

    Args:
        period: how long, or the name of the setting that says it in days.
        only: rows that this is about; all by default.
    """

    table: Any
    moment: str
    period: timedelta | str
    only: Any = None

    def statement(self, before: datetime) -> sa.Delete:
        """Removes one batch of what is older, the oldest first."""
        keys, moment = list(self.table.primary_key.columns), self.table.c[self.moment]
        over = sa.select(*keys).where(moment < before)
        if self.only is not None:
            over = over.where(self.only)
        over = over.order_by(moment).limit(BATCH)
        whole = sa.tuple_(*keys) if len(keys) > 1 else keys[0]
        return sa.delete(self.table).where(whole.in_(over))

    def age(self) -> timedelta:
        return DAY * getattr(settings, self.period) if isinstance(self.period, str) else self.period


def keeps(app: Flask) -> list[Retention]:
    """Every period of this service."""
    db: Database = app.extensions["sqlalchemy"]
    return [
        Retention(db.outbox, "sent_at", "keep_sent_days"),
        Retention(db.inbox, "handled_at", "keep_handled_days"),
        Retention(db.parked, "last_failed_at", "keep_parked_days", db.parked.c.next_try_at.is_(None)),
        Retention(db.idempotency_keys, "made_at", timedelta(hours=24)),
        *app.extensions["keeps"],
    ]


def forget_old(app: Flask) -> None:
    """The worker's job: removes what is over, for a few seconds at most; the next time it goes on."""
    until = time.monotonic() + AT_A_TIME
    with app.app_context():
        for kept in keeps(app):
            for gone in batches(app, kept):
                FORGOTTEN.labels(kept.table.name).inc(gone)
                if time.monotonic() > until:
                    return


def batches(app: Flask, kept: Retention) -> Iterator[int]:
    """How many rows went, batch by batch, each in a transaction of its own."""
    db: Database = app.extensions["sqlalchemy"]
    statement = kept.statement(now() - kept.age())
    while True:
        with db.engine.begin() as connection:
            gone = connection.execute(statement).rowcount
        yield gone
        if gone < BATCH:
            return
        time.sleep(PAUSE)


def overwrite(app: Flask) -> None:
    """What was deleted from a database that is a file leaves the file."""
    url = app.extensions["reader"].url
    if url.get_backend_name() == "sqlite":
        wal.vacuum_if_asked(url.database)
        wal.checkpoint(url.database)
