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

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app, g
from pydantic import BaseModel
from sqlalchemy import exc as database_errors

from . import __version__, failpoints, freshness
from .audit import Copy, Kept
from .awaiting import await_events
from .bus import Away, Delivery
from .database import database
from .events import Event, Unreadable, is_watermark, now
from .handling import Entry, Handler, Known, attempt, attempt_together, hanging, hung
from .parking import park, put_aside
from .settings import settings
from .tables import BigId, Timestamp

DUE = (
    sa.text("SELECT id FROM parked WHERE next_try_at <= :now LIMIT 1")
    .bindparams(sa.bindparam("now", type_=Timestamp))
    .columns(sa.column("id", BigId))
)


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
        _guarded(lambda: freshness.note(told))
    if handled:
        failpoints.reach("consumer.before-ack")
    return settled


def _receive_one(delivery: Delivery) -> None:
    try:
        event = _read(delivery)
        if is_watermark(event.type):
            _guarded(lambda: freshness.note([event]))
            return
        entry = _consumers()[event.type]
    except Unreadable as unreadable:
        reason = str(unreadable)
        _guarded(lambda: park(delivery, reason))
        return
    failure = hung(event) or _guarded(lambda: attempt(event, entry))
    if failure:
        _guarded(lambda: put_aside(event, delivery.body, failure))
    failpoints.reach("consumer.before-ack")


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
        database.session.rollback()
        raise Away(f"database: {type(error.__cause__ or error).__name__}") from error
    finally:
        database.session.remove()


def retry_due(app: Flask) -> None:
    """Tries again what is due. Called about once a second by the worker."""
    with app.app_context():
        parked = database.parked
        if not database.value(DUE, {"now": now()}):
            return
        due = sa.select(parked).where(parked.c.next_try_at <= now()).order_by(parked.c.next_try_at).limit(50)
        for row in database.rows(due):
            _guarded(partial(retry, row))


def retry(row: Any) -> str:
    """Tries a parked message once more. Gone when it succeeds; returns why it failed otherwise."""
    waits = settings.retry_waits if row["next_try_at"] else ()
    try:
        event = Event.parse(bytes(row["body"]))
        failure = hung(event) or attempt(event, _consumers()[event.type])
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


def install(app: Flask, consumers: Consumers) -> None:
    app.extensions["consumers"] = consumers
    if consumers.types:
        app.before_request(await_events)

    def tell(response: Any) -> Any:
        if g.get("event_ids") and response.status_code < 400:
            response.headers["Event-Ids"] = ", ".join(g.event_ids)
        return response

    app.after_request(tell)
