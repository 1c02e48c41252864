"""What a service that keeps data has besides: database, place on the bus, checks, metrics, commands."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from flask import Flask
from prometheus_client.core import GaugeMetricFamily

from . import cli, dead, freshness, idempotency, inbox, schema, snapshots
from . import database as databases
from .audit.passes import Auditor
from .backup import unsettled
from .bus import open_bus
from .database import Database, database
from .settings import Settings
from .worker import Job


def install(app: Flask, db: Database, settings: Settings, consumers: inbox.Consumers | None) -> None:
    databases.install(app, db, settings)
    app.extensions["migrate"] = LateMigrate(app, db)
    app.extensions["once"] = idempotency.once
    app.extensions["bus"] = open_bus(settings.bus_url)
    inbox.install(app, consumers or inbox.Consumers())
    app.extensions |= {"ages": freshness.Ages(), "owners": {}}
    if consumers and consumers.copies and settings.audit_every:
        app.extensions["jobs"].append(Job("audit", Auditor(), settings.audit_every))
    app.register_blueprint(snapshots.api)
    app.register_blueprint(freshness.api)
    app.extensions["metrics"].register(Waiting(app))
    app.extensions["checks"] |= {
        "database": (database_answers, True),
        "schema": (schema.wrong, True),
        "bus": (BusCheck(app), False),
    }
    app.register_blueprint(dead.api)
    cli.install(app)


class LateMigrate:
    """Flask-Migrate, set up when it is first asked for something: serving does not need Alembic in memory."""

    def __init__(self, app: Flask, db: Database) -> None:
        self._app, self._db = app, db

    def __getattr__(self, name: str) -> Any:
        from flask_migrate import Migrate

        Migrate(self._app, self._db, directory=self._app.extensions["migrations"])
        return getattr(self._app.extensions["migrate"], name)


def database_answers() -> str:
    try:
        database.value(sa.text("SELECT 1"))
    except sa.exc.SQLAlchemyError as error:
        return unsettled.said(error) or "the database does not answer"
    return ""


class BusCheck:
    """Asks the bus at most every five seconds."""

    def __init__(self, app: Flask) -> None:
        self._app, self._asked, self._wrong = app, float("-inf"), ""

    def __call__(self) -> str:
        if time.monotonic() - self._asked > 5:
            self._wrong = (
                "" if self._app.extensions["bus"].reachable() else "the bus does not answer; events wait"
            )
            self._asked = time.monotonic()
        return self._wrong


class Waiting:
    """Ages and numbers of what waits, from the database at the moment of the scrape."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def collect(self) -> Iterable[GaugeMetricFamily]:
        db, reader = self._app.extensions["sqlalchemy"], self._app.extensions["reader"]
        try:
            with reader.connect() as connection:
                unsent, waiting, parked, since = _looked_up(connection, db)
        except sa.exc.SQLAlchemyError:
            yield GaugeMetricFamily("database_up", "Whether the database answers.", value=0)
            return
        yield GaugeMetricFamily("database_up", "Whether the database answers.", value=1)
        yield from self._connections(db, reader)
        yield GaugeMetricFamily(
            "outbox_oldest_unsent_age_seconds",
            "Age of the oldest event not yet sent.",
            value=_age(unsent),
        )
        yield GaugeMetricFamily(
            "inbox_oldest_unhandled_age_seconds",
            "Age of the oldest event waiting for another try.",
            value=_age(waiting),
        )
        yield GaugeMetricFamily("events_parked", "Events that wait for a person.", value=parked)
        yield self._of_copies(
            "copy_age_seconds", "Since a source's copies were last known right.", self._ages()
        )
        yield self._of_copies("audit_last_pass_age_seconds", "Since a copy was last compared whole.", since)

    def _ages(self) -> dict[str, float]:
        with self._app.app_context():
            return self._app.extensions["ages"]()

    @staticmethod
    def _of_copies(name: str, said: str, values: dict[str, float]) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, said, labels=["of"])
        for of, value in values.items():
            family.add_metric([of], value)
        return family

    def _connections(self, db: Database, reader: sa.Engine) -> Iterable[GaugeMetricFamily]:
        """How much of the pools is in use: when all of it is, requests wait."""
        used = GaugeMetricFamily("database_connections_in_use", "Connections taken.", labels=["pool"])
        size = GaugeMetricFamily("database_connections", "Connections there can be.", labels=["pool"])
        at_hand = self._app.extensions["driver"].resting
        with self._app.app_context():
            pools = ("writes", db.engine.pool, 0), ("reads", reader.pool, at_hand)
        for name, pool, resting in pools:
            used.add_metric([name], pool.checkedout() - resting)  # type: ignore[attr-defined]
            size.add_metric([name], pool.size() + pool._max_overflow)  # type: ignore[attr-defined]
        yield used
        yield size


def _looked_up(
    connection: sa.Connection, db: Database
) -> tuple[datetime | None, datetime | None, int, dict[str, float]]:
    """Since when the oldest event is unsent, and the oldest waits for another try; how many wait for a
    person; and the age of each copy's last whole comparison.
    """
    sent, parked, passes = db.outbox.c, db.parked.c, db.audit_passes.c
    unsent = sa.select(sa.func.min(sent.created_at)).where(sent.sent_at.is_(None))
    waiting = sa.select(sa.func.min(parked.first_failed_at)).where(parked.next_try_at.isnot(None))
    given_up = sa.select(sa.func.count()).where(parked.next_try_at.is_(None))
    through = connection.execute(sa.select(passes.name, passes.finished_at)).all()
    since = {name: _age(at) for name, at in through if at}
    return connection.scalar(unsent), connection.scalar(waiting), connection.scalar(given_up) or 0, since


def _age(moment: datetime | None) -> float:
    return (datetime.now(UTC) - moment).total_seconds() if moment else 0.0
