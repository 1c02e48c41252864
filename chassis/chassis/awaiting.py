"""Read your own writes: a request waits, briefly, for the events that its caller has caused elsewhere."""

import time
from datetime import datetime

import sqlalchemy as sa
from flask import current_app, request

from .database import database
from .deputy import aside
from .settings import settings

STALLED = "newest event when a request waited in vain"


def await_events() -> None:
    """Waits, briefly, until what the caller himself caused elsewhere has arrived here (read your own writes).

    The header `Await-Events: type:id, …` is set by the gateway. After `await_events_limit` seconds the
    request goes on anyway. Nobody waits while nothing arrives at all: a bus that is away slows no request.
    """
    if not (wanted := _missing(_awaited())) or _nothing_arrives():
        return
    aside()
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
    mine = {
        type for type in current_app.extensions["consumers"].types if not fed or type.partition(".")[0] in fed
    }
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
    return database.value(sa.select(sa.func.max(database.inbox.c.handled_at)))
