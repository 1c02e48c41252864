"""Freshness: how long ago a copy was last known to be right.

The relay of every service says over the bus, about every `EVERY` seconds in which nothing waits in its
outbox: "everything that I had committed at T has been sent" (a watermark, as in the Dataflow model). A queue
keeps the order, so whoever handles that message has had everything before it, and notes T. What waits for
another try has not arrived yet. Watermarks are neither in the outbox nor in the inbox, and what is wrong with
one is never parked: the next comes soon. Those that waited for a consumer that was away are noted together.

The consumer's worker binds its queue to them, not `prepare`: an older worker that is still running would not
know what they are.
"""

import logging
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from flask import Blueprint, Flask, current_app

from .access import internal
from .bus import Message, Publisher
from .database import database
from .events import WATERMARK, Event, iso, new_id, now
from .outbox import all_sent
from .tables import Timestamp

log = logging.getLogger(__name__)
EVERY = 2.0
REACH = 10_000
api = Blueprint("freshness", __name__, url_prefix="/internal")
NOTE = sa.text(
    "INSERT INTO freshness (source, as_of) VALUES (:source, :as_of)"
    " ON CONFLICT (source) DO UPDATE SET as_of = excluded.as_of"
    " WHERE freshness.as_of < excluded.as_of OR freshness.as_of > :now"
).bindparams(sa.bindparam("as_of", type_=Timestamp), sa.bindparam("now", type_=Timestamp))


def sources(types: Iterable[str]) -> list[str]:
    """The services that say events of these types."""
    return sorted({type.partition(".")[0] for type in types})


def watermarks(types: Iterable[str]) -> list[str]:
    """The types of the watermarks of those who say events of these types."""
    return [f"{source}{WATERMARK}" for source in sources(types)]


class Teller:
    """Says a service's watermarks. Raises `Away`."""

    def __init__(self, app: Flask) -> None:
        self._app, self._last = app, float("-inf")

    def tell(self, publisher: Publisher) -> None:
        if time.monotonic() - self._last < EVERY:
            return
        at = now()
        if not all_sent():
            return
        self._last = time.monotonic()
        name = self._app.name
        told = Event(f"{name}{WATERMARK}", name, 0, {"as_of": iso(at)}, f"/{name}", new_id(), iso(at))
        publisher.publish([Message(told.id, told.type, told.to_json())])


def note(told: Iterable[Event]) -> None:
    """Keeps what watermarks say: of each source the newest, all in one transaction. Nothing that lies ahead:
    a clock that went wrong once would hide what is late until that moment has come.
    """
    at, newest = now(), dict[str, datetime]()
    for event in told:
        try:
            as_of = min(datetime.fromisoformat(event.data["as_of"]), at)
        except (KeyError, TypeError, ValueError):
            log.warning("a watermark cannot be read", extra={"source": event.source})
        else:
            newest[event.subject] = max(as_of, newest.get(event.subject, as_of))
    for source in sorted(newest):  # in one order, because another worker may note the same
        database.change(NOTE, {"source": source, "as_of": newest[source], "now": at})
    database.session.commit()


def known() -> dict[str, datetime]:
    """For each source the moment up to which everything it said has its effect here."""
    found = {row["source"]: row["as_of"] for row in database.rows(sa.select(database.freshness))}
    for row in database.rows(_first_waiting()):
        source, at = _said(bytes(row["body"]), row["first_failed_at"])
        if source in found:
            found[source] = min(found[source], at)
    return found


def _first_waiting() -> sa.Select[Any]:
    """Of each type the message that has waited for another try longest, among the first `REACH`: with more
    of them every copy is old, and this is asked each second.
    """
    parked = database.parked.c
    waiting = sa.select(parked.id, parked.type).where(parked.next_try_at.isnot(None))
    reached = waiting.order_by(parked.id).limit(REACH).subquery()
    first = sa.select(sa.func.min(reached.c.id)).group_by(reached.c.type)
    return sa.select(parked.body, parked.first_failed_at).where(parked.id.in_(first))


def _said(body: bytes, failed_at: datetime) -> tuple[str, datetime]:
    """Who said a message that waits, and when."""
    try:
        envelope = orjson.loads(body)
        return envelope["type"].partition(".")[0], datetime.fromisoformat(envelope["time"])
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        return "", failed_at


class Ages:
    """The age of each source, read at most about once a second however many ask; what was known before while
    the database does not answer.
    """

    def __init__(self) -> None:
        self._lock, self._known, self._read_at = threading.Lock(), dict[str, datetime](), float("-inf")

    def __call__(self) -> dict[str, float]:
        with self._lock:
            if time.monotonic() - self._read_at > 1:
                self._read_at = time.monotonic()
                with suppress(sa.exc.SQLAlchemyError):
                    self._known = known()
        return {source: max((now() - at).total_seconds(), 0.0) for source, at in self._known.items()}


@api.get("/freshness")
@internal()
def ages() -> Any:
    """Seconds since each source's copies were last known to be right; nothing of one that never spoke."""
    return {"ages": current_app.extensions["ages"]()}
