"""One event, or several in a row, in one transaction with the note that they were handled."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import current_thread

import sqlalchemy as sa
from flask import Flask, current_app
from pydantic import BaseModel, ValidationError
from sqlalchemy import exc as database_errors

from . import failpoints, tracing
from .database import database
from .events import Event, now
from .metrics import DELAY, FAILED, HANDLED, IN_HAND, REPEATED
from .tables import Timestamp

log = logging.getLogger(__name__)
TOGETHER_SECONDS = 0.03  # after which a transaction is not made longer: SQLite's other writers wait for it
GIVE_WAY = sa.text("SET LOCAL lock_timeout = '200ms'")
ONCE = sa.text(
    "INSERT INTO inbox (event_id, type, handled_at) VALUES (:event_id, :type, :at) ON CONFLICT DO NOTHING"
).bindparams(sa.bindparam("at", type_=Timestamp))
Handler = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Entry:
    handler: Handler
    reads: type[BaseModel]


Known = tuple[Event, Entry]
"""An event, and how it is handled here."""


def attempt_together(events: Sequence[Known]) -> int:
    """One transaction for all of them, or for as many as come before one that fails or before it has taken
    long. Returns how many are settled: none if it is the first that fails.
    """
    until, handled = time.monotonic() + TOGETHER_SECONDS, list[bool]()
    try:
        _give_way()
        for event, entry in events:
            handled.append(_effect(event, entry))
            database.session.flush()
            database.session.expunge_all()  # the next one reads what the statements of this one have made
            if time.monotonic() > until:
                break
        database.session.commit()
    except Exception as error:
        database.session.rollback()
        if _is_away(error):
            raise
        return attempt_together(events[: len(handled)]) if 1 < len(handled) < len(events) else 0
    finally:
        in_hand(current_app).pop(current_thread().name, None)
    for (event, _), first_time in zip(events, handled, strict=False):
        _count(event, first_time)
    return len(handled)


def _give_way() -> None:
    """Of two that wait for each other's rows, this one lets go before the server ends either: it can begin
    again, and a request would have to be refused.
    """
    if database.engine.dialect.name == "postgresql":
        database.change(GIVE_WAY)


def attempt(event: Event, entry: Entry) -> str:
    """One try, in one transaction. Returns why it failed, or nothing."""
    try:
        first_time = _effect(event, entry)
        database.session.commit()
        _count(event, first_time)
        return ""
    except Exception as error:
        database.session.rollback()
        if _is_away(error):
            raise
        FAILED.labels(event.type).inc()
        log.exception("event failed", extra={"event": event.id, "type": event.type})
        return reason_of(error)
    finally:
        in_hand(current_app).pop(current_thread().name, None)


def _effect(event: Event, entry: Entry) -> bool:
    """What the event does here, not yet committed. Tells whether it is the first time."""
    in_hand(current_app)[current_thread().name] = event.id
    span = tracing.begin(f"handle {event.type}", "CONSUMER", event.traceparent)
    try:
        IN_HAND.set(_age(event))
        first_time = _first_time(event)
        if first_time:
            failpoints.reach("consumer.inbox-row")
            entry.handler(replace(event, data=entry.reads.model_validate(event.data)))
            failpoints.reach("consumer.effect", event.id)
        return first_time
    finally:
        if span:
            span.end()


def _count(event: Event, first_time: bool) -> None:
    if first_time:
        HANDLED.labels(event.type).inc()
        DELAY.labels(event.type).observe(_age(event))
    else:
        REPEATED.inc()


def in_hand(app: Flask) -> dict[str, str]:
    """Which event each thread is handling; the worker tells its successor those on which it hangs."""
    return app.extensions.setdefault("in hand", {})


def hung(event: Event) -> str:
    """Why this event is not tried now: the process before this one had to be replaced because of it."""
    if event.id not in hanging():
        return ""
    hanging().discard(event.id)
    FAILED.labels(event.type).inc()
    return "its handler hung; the worker was replaced"


def hanging() -> set[str]:
    return current_app.extensions.setdefault("hung", set())


def _age(event: Event) -> float:
    try:
        return max((now() - datetime.fromisoformat(event.time)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0


def _first_time(event: Event) -> bool:
    """Notes that it is handled, in one statement with the question whether it was."""
    row = {"event_id": event.id, "type": event.type, "at": now()}
    return database.change(ONCE, row) == 1


def _is_away(error: Exception) -> bool:
    """If the database is there the failure is the event's own, whatever it looks like."""
    lost = isinstance(error, database_errors.OperationalError | database_errors.InterfaceError)
    return lost and not _answers()


def _answers() -> bool:
    try:
        return bool(database.value(sa.text("SELECT 1")))
    except database_errors.SQLAlchemyError:
        return False


def reason_of(error: Exception) -> str:
    """As a person reads it among the parked."""
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False)[0]
        return f"data.{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {error}"[:500]
