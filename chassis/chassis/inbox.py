"""The inbox: what other services said, handled once, in one transaction with its effect (idempotent
consumer pattern).

    consumers = Consumers()

    @consumers.on("shop.item_sold.v1", reads=Sale)
    def keep_sale(event): ...

A handler overwrites only what is not newer and calls nobody; the chassis commits. What cannot be read is
parked at once; what fails is tried again after 1, 5 and 25 s (`RETRY_WAITS`) while the others go on, then
parked. Parked means: kept in the table `parked` until a person decides.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import current_thread
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app, g, request
from pydantic import BaseModel, ValidationError
from sqlalchemy import exc as database_errors

from . import __version__, failpoints, freshness, tracing
from .audit import Copy, Kept
from .bus import Away, Delivery
from .database import database
from .events import Event, Unreadable, is_watermark, new_id, now
from .metrics import DELAY, FAILED, HANDLED, IN_HAND, REPEATED
from .settings import settings
from .tables import Timestamp

log = logging.getLogger(__name__)
STALLED = "newest event when a request waited in vain"
ONCE = sa.text(
    "INSERT INTO inbox (event_id, type, handled_at) VALUES (:event_id, :type, :at) ON CONFLICT DO NOTHING"
).bindparams(sa.bindparam("at", type_=Timestamp))
Handler = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Entry:
    handler: Handler
    reads: type[BaseModel]


class Consumers:
    """The handlers of a service, by event type. Its types are its queue's bindings."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self.copies: list[Copy | Kept] = []

    def keeps(self, *copies: "Copy | Kept") -> None:
        """Declares how what the handlers keep is compared with what its owner holds (see `audit`)."""
        self.copies += copies

    def on(self, *types: str, reads: type[BaseModel]) -> Callable[[Handler], Handler]:
        """Declares a handler. `reads` has only the members that it uses; the handler finds them in
        `event.data`.
        """

        def register(handler: Handler) -> Handler:
            for type in types:
                if type in self._entries:
                    raise RuntimeError(f"two handlers for {type}")
                self._entries[type] = Entry(handler, reads)
            return handler

        return register

    @property
    def types(self) -> list[str]:
        return sorted(self._entries)

    def __getitem__(self, type: str) -> Entry:
        if type not in self._entries:
            raise Unreadable(f"unknown type {type[:100]!r}")
        return self._entries[type]


def receive(app: Flask, delivery: Delivery) -> None:
    """Settles a delivery for good: handled, found handled before, put aside for another try, or parked.

    Raises `Away` when the database is not there: that is not the event's fault.
    """
    with app.app_context():
        failpoints.reach("consumer.received")
        try:
            if delivery.dead:
                raise Unreadable(delivery.dead)
            event = Event.parse(delivery.body)
            if is_watermark(event.type):
                _guarded(lambda: freshness.note(event))
                return
            entry = _consumers()[event.type]
        except Unreadable as unreadable:
            reason = str(unreadable)
            _guarded(lambda: park(delivery, reason))
            return
        failure = _hung(event) or _guarded(lambda: attempt(event, entry))
        if failure:
            _guarded(lambda: put_aside(event, delivery.body, failure))
        failpoints.reach("consumer.before-ack")


def _consumers() -> Consumers:
    return current_app.extensions["consumers"]  # type: ignore[no-any-return]


def _guarded(step: Callable[[], Any]) -> Any:
    """Runs a step; a database that is away becomes `Away`."""
    try:
        return step()
    except (
        database_errors.OperationalError,
        database_errors.InterfaceError,
        database_errors.TimeoutError,
    ) as error:
        database.session.rollback()
        raise Away(f"database: {type(error.__cause__ or error).__name__}") from error
    finally:
        database.session.remove()


def attempt(event: Event, entry: Entry) -> str:
    """One try, in one transaction. Returns why it failed, or nothing."""
    in_hand(current_app)[current_thread().name] = event.id
    span = tracing.begin(f"handle {event.type}", "CONSUMER", event.traceparent)
    try:
        IN_HAND.set(_age(event))
        if _first_time(event):
            failpoints.reach("consumer.inbox-row")
            entry.handler(replace(event, data=entry.reads.model_validate(event.data)))
            failpoints.reach("consumer.effect", event.id)
            HANDLED.labels(event.type).inc()
            DELAY.labels(event.type).observe(_age(event))
        else:
            REPEATED.inc()
        database.session.commit()
        return ""
    except Exception as error:
        database.session.rollback()
        if (
            isinstance(error, database_errors.OperationalError | database_errors.InterfaceError)
            and not _answers()
        ):
            raise
        FAILED.labels(event.type).inc()
        log.exception("event failed", extra={"event": event.id, "type": event.type})
        return _reason(error)
    finally:
        if span:
            span.end()
        in_hand(current_app).pop(current_thread().name, None)


def in_hand(app: Flask) -> dict[str, str]:
    """Which event each thread is handling; the worker tells its successor those on which it hangs."""
    return app.extensions.setdefault("in hand", {})  # type: ignore[no-any-return]


def _hung(event: Event) -> str:
    """Why this event is not tried now: the process before this one had to be replaced because of it."""
    hung = current_app.extensions.get("hung", set())
    if event.id not in hung:
        return ""
    hung.discard(event.id)
    FAILED.labels(event.type).inc()
    return "its handler hung; the worker was replaced"


def _age(event: Event) -> float:
    try:
        return max((now() - datetime.fromisoformat(event.time)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0


def _first_time(event: Event) -> bool:
    """Notes that it is handled, in one statement with the question whether it was."""
    row = {"event_id": event.id, "type": event.type, "at": now()}
    return database.session.execute(ONCE, row).rowcount == 1  # type: ignore[attr-defined,no-any-return]


def _answers() -> bool:
    """Whether the database is there at all: if it is, the failure is the event's own."""
    try:
        return bool(database.value(sa.text("SELECT 1")))
    except database_errors.SQLAlchemyError:
        return False


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False)[0]
        return f"data.{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {error}"[:500]


def park(delivery: Delivery, reason: str) -> None:
    """Keeps a message that no try can help."""
    log.error("message parked", extra={"reason": reason})
    row = _row(f"unreadable:{new_id()}", delivery.type, delivery.body, reason) | {"next_try_at": None}
    database.session.execute(sa.insert(database.parked).values(row))
    database.session.commit()


def put_aside(event: Event, body: bytes, reason: str) -> None:
    """Keeps an event for its next try; the same event again changes nothing."""
    parked = database.parked
    if not database.session.execute(sa.select(parked.c.id).where(parked.c.event_id == event.id)).first():
        due = {"next_try_at": now() + timedelta(seconds=settings.retry_waits[0]), "about": event.about}
        row = _row(event.id, event.type, body, reason) | due
        database.session.execute(sa.insert(parked).values(row))
    database.session.commit()


def _row(event_id: str, type: str, body: bytes, reason: str) -> dict[str, Any]:
    times = {"first_failed_at": now(), "last_failed_at": now()}
    kept = {"event_id": event_id, "type": type[:100], "body": body[: 1024 * 1024], "reason": reason}
    return kept | times | {"tries": 1, "code_version": __version__}


def retry_due(app: Flask) -> None:
    """Tries again what is due. Called about twice a second by the worker."""
    with app.app_context():
        parked = database.parked
        due = sa.select(parked).where(parked.c.next_try_at <= now()).order_by(parked.c.next_try_at).limit(50)
        for row in database.rows(due):
            _guarded(lambda row=row: retry(row))


def retry(row: Any) -> str:
    """Tries a parked message once more. Gone when it succeeds; returns why it failed otherwise."""
    waits = settings.retry_waits if row["next_try_at"] else ()
    try:
        event = Event.parse(bytes(row["body"]))
        failure = _hung(event) or attempt(event, _consumers()[event.type])
    except Unreadable as reason:
        failure, waits = str(reason), ()  # it will not become readable by itself
    parked = database.parked
    if failure:
        tries = row["tries"] + 1
        again = now() + timedelta(seconds=waits[tries - 1]) if tries <= len(waits) else None
        change: Any = sa.update(parked).values(
            tries=tries, reason=failure, last_failed_at=now(), next_try_at=again, code_version=__version__
        )
    else:
        change = sa.delete(parked)
    database.session.execute(change.where(parked.c.id == row["id"]))
    database.session.commit()
    return failure


def await_events() -> None:
    """Waits, briefly, until what the caller himself caused elsewhere has arrived here (read your own writes).

    The header `Await-Events: type:id, …` is set by the gateway. After `await_events_limit` seconds the
    request goes on anyway. Nobody waits while nothing arrives at all: a bus that is away slows no request.
    """
    if not (wanted := _missing(_awaited())) or _nothing_arrives():
        return
    deadline = time.monotonic() + settings.await_events_limit
    pause = 0.002
    while wanted and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)
        wanted = _missing(wanted)
    if wanted:
        current_app.extensions[STALLED] = _newest()


def _awaited() -> set[str]:
    """The ids that the request names, of types that arrive here and that its answer is made of."""
    named = request.headers.get("Await-Events", "").split(",")[:20]
    access = getattr(current_app.view_functions.get(request.endpoint or ""), "access", None)
    fed = access.fed if access else ()
    mine = {type for type in _consumers().types if not fed or type.partition(".")[0] in fed}
    return {id for type, _, id in (item.strip().partition(":") for item in named) if type in mine}


def _missing(wanted: set[str]) -> set[str]:
    if not wanted:
        return wanted
    inbox = database.inbox
    found = database.rows(sa.select(inbox.c.event_id).where(inbox.c.event_id.in_(wanted)))
    return wanted - {row["event_id"] for row in found}


def _nothing_arrives() -> bool:
    """Whether somebody has waited in vain, and not one event has been handled since."""
    if STALLED not in current_app.extensions:
        return False
    if current_app.extensions[STALLED] == _newest():
        return True
    current_app.extensions.pop(STALLED, None)
    return False


def _newest() -> datetime | None:
    """When the last event was handled."""
    return database.value(sa.select(sa.func.max(database.inbox.c.handled_at)))  # type: ignore[no-any-return]


def install(app: Flask, consumers: Consumers) -> None:
    app.extensions["consumers"] = consumers
    if consumers.types:
        app.before_request(await_events)

    def tell(response: Any) -> Any:
        if g.get("event_ids") and response.status_code < 400:
            response.headers["Event-Ids"] = ", ".join(g.event_ids)
        return response

    app.after_request(tell)
