"""What could not be handled: kept in the table `parked` for its next try, or until a person decides."""

import logging
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from . import __version__
from .bus import Delivery
from .database import database
from .events import Event, Unreadable, envelope, new_id, now
from .settings import settings

log = logging.getLogger(__name__)


def park(delivery: Delivery, reason: str) -> None:
    """Keeps a message that no try can help."""
    log.error("message parked", extra={"reason": reason})
    _keep(delivery, reason)


def put_aside(delivery: Delivery, reason: str) -> None:
    """Keeps an event for its next try."""
    _keep(delivery, reason, now() + timedelta(seconds=settings.retry_waits[0]))


def _keep(delivery: Delivery, reason: str, next_try_at: datetime | None = None) -> None:
    """The same event again changes nothing."""
    parked, row = database.parked, _kept(delivery)
    known = sa.select(parked.c.id).where(parked.c.event_id == row["event_id"])
    if not database.session.execute(known).first():
        row |= {"first_failed_at": now(), "last_failed_at": now(), "next_try_at": next_try_at}
        row |= {"reason": stored(reason), "tries": 1, "code_version": __version__}
        database.session.execute(sa.insert(parked).values(row))
    database.session.commit()


def _kept(delivery: Delivery) -> dict[str, Any]:
    """An event whole; of anything else no data, because nobody could say whose it is: it would stay when they
    go.
    """
    try:
        event = Event.parse(delivery.body)
        id, type, body, about = event.id, event.type, delivery.body, event.about
    except Unreadable:
        members, about = envelope(delivery.body)
        id, type, body = f"unreadable:{new_id()}", delivery.type, orjson.dumps(members) if members else b""
    return {"event_id": id, "type": stored(type)[:100], "body": body, "about": about}


def stored(text: str) -> str:
    """Without the one character that PostgreSQL refuses in a text."""
    return text.replace("\0", "?")
