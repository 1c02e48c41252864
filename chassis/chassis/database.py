"""The database of a service: two engines on one schema.

Commands use the session (one transaction, ended by one commit). Queries use `rows`, `row` and `value`: Core
statements on an engine in autocommit mode, which spares two round trips a read. SQLite's writing transactions
begin with BEGIN IMMEDIATE; with a plain BEGIN two processes that read and then write refuse each other.
"""

import logging
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from flask import Flask, Response, current_app, g, has_app_context, has_request_context
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event as hooks
from sqlalchemy.orm import DeclarativeBase, Session
from werkzeug.local import LocalProxy

from . import bell, failpoints, problems, reading
from .backup import unsettled
from .metrics import RECORDED
from .reading import Driver
from .settings import Settings
from .tables import (
    audit_passes_table,
    freshness_table,
    idempotency_table,
    inbox_table,
    outbox_table,
    parked_table,
)
from .turns import Turns

log = logging.getLogger(__name__)
Row = Mapping[Any, Any]  # by name; SQLAlchemy's also by column
Rows = Sequence[Row]
NOTIFY = sa.text(f"NOTIFY {bell.CHANNEL}")
BUSY_MS = 2500
SERVER_OPTIONS = (
    "-c statement_timeout=5000 -c lock_timeout=2500 -c idle_in_transaction_session_timeout=30000"
    " -c timezone=UTC"  # so that moments come as they are wanted
)

PLACES = {
    "after_begin": "write.begun",
    "after_flush": "write.row",
    "before_commit": "write.before-commit",
    "after_commit": "write.after-commit",
}


class Database(SQLAlchemy):
    """Flask-SQLAlchemy, with a second engine for reads and the tables of the chassis."""

    def __init__(self) -> None:
        class Base(DeclarativeBase):
            """Of this service alone: several services may live in one test process."""

        # After a commit an object keeps what it holds: reading its id must not begin another transaction,
        # which on SQLite would lock out all writers until the end of the request.
        super().__init__(
            model_class=Base, disable_autonaming=True, session_options={"expire_on_commit": False}
        )
        self.outbox = outbox_table(self.metadata)
        self.inbox = inbox_table(self.metadata)
        self.parked = parked_table(self.metadata)
        self.idempotency_keys = idempotency_table(self.metadata)
        self.freshness = freshness_table(self.metadata)
        self.audit_passes = audit_passes_table(self.metadata)
        hooks.listen(self.session, "before_commit", _notify)
        hooks.listen(self.session, "after_commit", _ring)
        for hook, place in PLACES.items():
            hooks.listen(self.session, hook, lambda *_, place=place: _reach(place))
        hooks.listen(self.session, "after_rollback", _forget)

    def rows(self, statement: sa.Executable, values: Mapping[str, Any] | None = None) -> Rows:
        """All rows of a read, outside any transaction."""
        driver: Driver = current_app.extensions["driver"]
        if (prepared := driver.prepared(statement)) is not None:
            return driver.rows(prepared, values or {})
        with reader().connect() as connection:
            return connection.execute(statement, values).mappings().all()

    def row(self, statement: sa.Executable, values: Mapping[str, Any] | None = None) -> Row | None:
        """The first one, if there is any."""
        driver: Driver = current_app.extensions["driver"]
        if (prepared := driver.prepared(statement)) is not None:
            return driver.first(prepared, values or {})
        with reader().connect() as connection:
            return connection.execute(statement, values).mappings().first()

    def value(self, statement: sa.Executable, values: Mapping[str, Any] | None = None) -> Any:
        """The first column of the first row, if there is any."""
        found = self.row(statement, values)
        return None if found is None else next(iter(found.values()))

    def objects(self, statement: sa.Executable) -> Sequence[Any]:
        """All rows of a read of whole objects, outside any transaction; changing them does nothing."""
        with Session(reader()) as session:
            found = session.execute(statement).all()
            session.expunge_all()
            return found

    def change(self, statement: sa.Executable, values: Mapping[str, Any] | None = None) -> int:
        """Runs a statement of the current transaction; returns how many rows it has changed."""
        session, driver = self.session(), current_app.extensions["driver"]
        if (prepared := driver.prepared(statement)) is not None:
            session.flush()
            changed = driver.changed_within(session.connection(), prepared, values or {})
        else:
            changed = cast(sa.CursorResult[Any], session.execute(statement, values)).rowcount
        _reach("write.row")
        return int(changed)

    def taken(self, statement: sa.Executable, values: Mapping[str, Any] | None = None) -> Rows:
        """All rows of a statement of the current transaction that locks them, or returns what it made."""
        session, driver = self.session(), current_app.extensions["driver"]
        if (prepared := driver.prepared(statement)) is not None:
            session.flush()
            rows: Rows = driver.rows_within(session.connection(), prepared, values or {})
        else:
            rows = session.execute(statement, values).mappings().all()
        _reach("write.row")
        return rows

    def happened(self, type: str) -> None:
        """Counts an event of this type once the current transaction has committed."""
        self.session.info.setdefault("happened", []).append(type)

    def ring(self) -> None:
        """Asks that the worker be woken when the current transaction has committed."""
        self.session.info["ring"] = True


def reader() -> sa.Engine:
    """The engine for reads: autocommit, its own pool."""
    return current_app.extensions["reader"]


def install(app: Flask, db: Database, settings: Settings) -> None:
    if not settings.database_url:
        raise SystemExit(f"{app.name}: cannot start: DATABASE_URL is missing")
    writes, reads = addresses(settings)
    threads, pooled = settings.web_threads, bool(settings.database_pooler)
    app.config["SQLALCHEMY_DATABASE_URI"] = writes
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(writes, threads, pooled)
    db.init_app(app)
    pooled = pooled and not settings.database_reader
    # Each statement is by itself: a connection that comes back has no transaction to roll back.
    alone: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
    app.extensions["reader"] = sa.create_engine(reads, **alone, **engine_options(reads, threads, pooled))
    slow = settings.slow_query_time
    with app.app_context():
        _add_hooks(db.engine, slow, writes=True)
    _add_hooks(app.extensions["reader"], slow, writes=False)
    app.extensions["driver"] = Driver(app.extensions["reader"], partial(_note_statement, slow))
    app.register_error_handler(sa.exc.SQLAlchemyError, _unavailable)
    app.extensions["bell"] = bell.pipe_beside(settings.database_url)


def _unavailable(error: sa.exc.SQLAlchemyError) -> Response:
    """A database that is away, locked or full is not a mistake of ours: 503, and the caller may try again."""
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError | sa.exc.TimeoutError):
        log.warning("database unavailable", extra={"reason": type(error.__cause__ or error).__name__})
        return problems.refused(problems.Unavailable())
    return problems.unexpected(error)


def addresses(settings: Settings) -> tuple[sa.URL, sa.URL]:
    """Where commands write, and where queries read.

    `database_pooler` and `database_reader` are `host:port` of a PgBouncer in transaction mode, and of read
    replicas; name, user and password stay. Whoever listens (`bell`) and migrates goes to the server itself.
    """
    url = sa.make_url(settings.database_url)
    pooler, reader = settings.database_pooler, settings.database_reader
    return _at(url, pooler), _at(url, reader or pooler)


def _at(url: sa.URL, server: str) -> sa.URL:
    host, _, port = server.partition(":")
    return url.set(host=host, port=int(port or 5432)) if host else url


def engine_options(url: sa.URL, threads: int, pooled: bool = False) -> dict[str, Any]:
    # Errors are logged and kept with parked events: without the values, which are people's own.
    options: dict[str, Any] = {
        "pool_size": threads,
        "max_overflow": 2,
        "pool_timeout": 2,
        "pool_use_lifo": True,  # the connection used last: what it has in mind is still in the caches
        "hide_parameters": True,
    }
    if url.get_backend_name() == "postgresql":
        # Behind a pooler a connection is of this process for one transaction only: nothing may be set on it,
        # or prepared. The limits of time are then the role's (`ALTER ROLE … SET`).
        own = {"prepare_threshold": None} if pooled else {"options": SERVER_OPTIONS}
        options["connect_args"] = {"connect_timeout": 2, **own}
    else:
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
        options["poolclass"] = sa.QueuePool
        options["connect_args"] = {"timeout": BUSY_MS / 1000, "check_same_thread": False}
    return options


def _add_hooks(engine: sa.Engine, slow: float, *, writes: bool) -> None:
    hooks.listen(engine, "connect", partial(unsettled.refuse, engine.dialect.name))
    if engine.dialect.name == "sqlite":
        hooks.listen(engine, "connect", _prepare_sqlite)
        if writes:
            Turns(engine)
    else:
        hooks.listen(engine, "checkin", lambda _, record: record.info.update(used=time.monotonic()))
        hooks.listen(engine, "checkout", lambda *given: _still_there(engine, *given))
        if writes:
            hooks.listen(engine, "rollback", reading.rolled_back)
    hooks.listen(engine, "before_cursor_execute", _started)
    hooks.listen(engine, "after_cursor_execute", lambda *call: _finished(slow, *call))


def _still_there(engine: sa.Engine, connection: Any, record: Any, _: Any) -> None:
    """A server that was restarted must not fail the first request after it: a connection that has rested is
    asked first, and replaced by a new one if it does not answer.
    """
    if time.monotonic() - record.info.get("used", time.monotonic()) < reading.RESTED:
        return
    try:
        engine.dialect.do_ping(connection)
    except Exception as error:
        raise sa.exc.DisconnectionError from error


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None
    durable = ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON")  # what is deleted is overwritten
    for pragma in (f"busy_timeout={BUSY_MS}", *durable, "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")  # habit: the constants above


def _started(connection: sa.Connection, *_: Any) -> None:
    connection.info["started"] = time.perf_counter()


def _finished(slow: float, connection: sa.Connection, _cursor: Any, statement: str, *_: Any) -> None:
    _note_statement(slow, statement, time.perf_counter() - connection.info["started"])


def _note_statement(slow: float, statement: str, took: float) -> None:
    """Counts the statement for the request's log line; a slow one is a warning, without its values (they
    may be secret).
    """
    if has_app_context():
        g.statements = g.get("statements", 0) + 1
    if took >= slow:
        log.warning(
            "slow query", extra={"statement": statement, "seconds": round(took, 3), "at": _our_line()}
        )


def _our_line() -> str:
    """The innermost line that is not a library's."""
    ours = [frame for frame in traceback.extract_stack() if "site-packages" not in frame.filename]
    outside = [frame for frame in ours if frame.filename not in (__file__, reading.__file__)] or ours
    return f"{Path(outside[-1].filename).name}:{outside[-1].lineno}"


def _notify(session: Session) -> None:
    """PostgreSQL tells its listeners at the commit."""
    if current_app.extensions["bell"] is None and session.info.pop("ring", False):
        session.execute(NOTIFY)


def _ring(session: Session) -> None:
    """After the commit: what happened is counted, and beside an SQLite file there is a pipe to ring."""
    for happened in session.info.pop("happened", ()):
        RECORDED.labels(happened).inc()
    if session.info.pop("ring", False):
        bell.ring(current_app.extensions["bell"])


def _forget(session: Session) -> None:
    session.info.pop("ring", None)
    session.info.pop("happened", None)


def _reach(place: str) -> None:
    if has_request_context():
        failpoints.reach(place)


def _current() -> Database:
    return current_app.extensions["sqlalchemy"]


database: Any = LocalProxy(_current)
"""The database of the service that is running, for the chassis itself. Services import their own `db`."""
