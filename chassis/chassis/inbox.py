"""The inbox: what other services said, handled once, in one transaction with its effect (idempotent
consumer pattern).

    consumers = Consumers()

    @consumers.on("shop.item_sold.v1", reads=Sale)
    def keep_sale(event): ...

A handler overwrites only what is not newer and calls nobody; the chassis commits. What cannot be read is
parked at once; what fails is tried again after 1, 5 and 25 s (`RETRY_WAITS`) while the others go on, then
parked. Parked means: kept in the table `parked` until a person decides.

Events that wait in a row share a transaction, because the commit is the dearest part of handling one. If one
of them fails, nothing of that transaction stays, and it is tried alone. Watermarks do not part them.
"""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app, g
from pydantic import BaseModel
from sqlalchemy import exc as database_errors

from . import __version__, failpoints, freshness
from .audit import Copy, Counts
from .awaiting import await_events
from .bus import Away, Delivery
from .database import database
from .events import Event, Unreadable, is_watermark, now
from .handling import Entry, Handler, Known, attempt, attempt_together, hanging, hung, reason_of
from .pace import AT_A_TIME
from .parking import park, put_aside, stored
from .settings import settings
from .tables import BigId, Timestamp

log = logging.getLogger(__name__)
DUE = (
    sa.text("SELECT id FROM parked WHERE next_try_at <= :now LIMIT 1")
    .bindparams(sa.bindparam("now", type_=Timestamp))
    .columns(sa.column("id", BigId))
)


class Consumers:
    """The handlers of a service, by event type. Its types are its queue's bindings."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self.copies: list[Copy | Counts] = []

    def keeps(self, *copies: "Copy | Counts") -> None:
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


def receive(app: Flask, deliveries: Sequence[Delivery]) -> int:
    """Settles the first of them, or the first few, for good: handled, found handled before, put aside for
    another try, or parked. Tells how many.

    Raises `Away` when the database is not there: that is not the event's fault.
    """
    with app.app_context():
        failpoints.reach("consumer.received")
        settled = _receive_row(_row(deliveries)) if len(deliveries) > 1 else 0
        if settled:
            return settled
        _receive_one(deliveries[0])
        return 1


def _row(deliveries: Sequence[Delivery]) -> list[Known | Event]:
    """As many from the start as are watermarks, or events of which nothing bad is known."""
    found: list[Known | Event] = []
    for delivery in deliveries:
        try:
            event = _read(delivery)
            if delivery.again or event.id in hanging():
                break
            found.append(event if is_watermark(event.type) else (event, _consumers()[event.type]))
        except Unreadable:
            break
    return found


def _receive_row(row: list[Known | Event]) -> int:
    """Settles a row or the start of it: events together, and then together the watermarks before and between
    them. Later than its place a watermark is still true; it must only never overtake an event.
    """
    places = [place for place, each in enumerate(row) if not isinstance(each, Event)]
    events = [each for each in row if not isinstance(each, Event)]
    handled = _guarded(lambda: attempt_together(events)) if len(events) > 1 else 0
    settled = [*places, len(row)][handled]
    told = [each for each in row[:settled] if isinstance(each, Event)]
    if told:
        _note(told)
    if handled:
        failpoints.reach("consumer.before-ack")
    return settled


def _receive_one(delivery: Delivery) -> None:
    try:
        _handle(delivery)
    except Away:
        raise
    except Exception as error:  # whatever is wrong with one message, the others are not to wait for it
        reason = str(error) if isinstance(error, Unreadable) else reason_of(error)
        _give_up(delivery, reason)
    if not is_watermark(delivery.type):
        failpoints.reach("consumer.before-ack")


def _handle(delivery: Delivery) -> None:
    event = _read(delivery)
    if is_watermark(event.type):
        _note([event])
        return
    entry = _consumers()[event.type]
    failure = hung(event) or _guarded(lambda: attempt(event, entry))
    if failure:
        _guarded(lambda: put_aside(delivery, failure))


def _note(watermarks: list[Event]) -> None:
    """What of it cannot be kept is not: the next ones come soon."""
    try:
        _guarded(lambda: freshness.note(watermarks))
    except Away:
        raise
    except Exception as error:
        log.warning("watermarks cannot be kept", extra={"reason": reason_of(error)})


def _give_up(delivery: Delivery, reason: str) -> None:
    if is_watermark(delivery.type):  # the next one comes soon
        log.warning("a watermark cannot be kept", extra={"type": delivery.type, "reason": reason})
    else:
        _guarded(lambda: park(delivery, reason))


def _read(delivery: Delivery) -> Event:
    if delivery.dead:
        raise Unreadable(delivery.dead)
    return Event.parse(delivery.body)


def _consumers() -> Consumers:
    return current_app.extensions["consumers"]


def _guarded(step: Callable[[], Any]) -> Any:
    """Runs a step; a database that is away becomes `Away`."""
    try:
        return step()
    except (
        database_errors.OperationalError,
        database_errors.InterfaceError,
        database_errors.TimeoutError,
    ) as error:
        raise Away(f"database: {type(error.__cause__ or error).__name__}") from error
    finally:
        database.session.remove()


def retry_due(app: Flask) -> bool:
    """Tries again what is due, for a few seconds at most; tells whether it stopped because of that. Called
    about once a second by the worker, which would take a longer silence for a hanging handler.
    """
    until = time.monotonic() + AT_A_TIME
    with app.app_context():
        parked = database.parked
        if not database.value(DUE, {"now": now()}):
            return False
        due = sa.select(parked).where(parked.c.next_try_at <= now()).order_by(parked.c.next_try_at).limit(50)
        for row in database.rows(due):
            _guarded(partial(retry, row))
            if time.monotonic() > until:
                return True
        return False


def retry(row: Any) -> str:
    """Tries a parked message once more. Gone when it succeeds; returns why it failed otherwise."""
    failure, helps = _tried(row)
    waits = settings.retry_waits if helps and row["next_try_at"] else ()
    parked = database.parked
    if failure:
        tries = row["tries"] + 1
        again = now() + timedelta(seconds=waits[tries - 1]) if tries <= len(waits) else None
        change: Any = sa.update(parked).values(
            tries=tries,
            reason=stored(failure),
            last_failed_at=now(),
            next_try_at=again,
            code_version=__version__,
        )
    else:
        change = sa.delete(parked)
    database.session.execute(change.where(parked.c.id == row["id"]))
    database.session.commit()
    return failure


def _tried(row: Any) -> tuple[str, bool]:
    """Why it failed again, or nothing; and whether yet another try may help."""
    try:
        event = Event.parse(bytes(row["body"]))
    except Unreadable:
        return row["reason"], False  # of what was unreadable not all is kept, so that says it best
    try:
        entry = _consumers()[event.type]
    except Unreadable as unknown:
        return str(unknown), False
    return hung(event) or attempt(event, entry), True


def install(app: Flask, consumers: Consumers) -> None:
    app.extensions["consumers"] = consumers
    if consumers.types:
        app.before_request(await_events)

    def tell(response: Any) -> Any:
        if g.get("event_ids") and response.status_code < 400:
            response.headers["Event-Ids"] = ", ".join(g.event_ids)
        return response

    app.after_request(tell)
