"""What could not be handled: kept in the table `parked` for its next try, or until a person decides."""

import logging
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from . import __version__
from .bus import Delivery
from .database import database
from .events import Event, new_id, now
from .settings import settings

log = logging.getLogger(__name__)


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
