"""What the owners say: their states, page by page, over HTTP."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from flask import current_app

from ..events import Event, Unreadable
from ..http import Client
from ..problems import Unavailable
from ..settings import settings
from . import Copy

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Page:
    """The states of all subjects after `after` up to `until`, or of all that there are, after `as_of`."""

    states: dict[int, Event]
    until: int | None
    as_of: datetime

    def covers(self, subject: int) -> bool:
        return self.until is None or subject <= self.until


def address(copy: Copy) -> str:
    """Where the copy's owner is; nothing if nobody has told us."""
    return str(getattr(settings, f"{copy.owner}_url", ""))


def page(copy: Copy, after: int, limit: int) -> Page:
    """Raises `Unavailable` when the owner does not answer, or not as agreed."""
    path = f"/internal/snapshots/{quote(copy.of)}"
    asked = {"after": str(after) if after else "", "limit": str(limit)}
    answer = _client(copy).get(path, params=asked)
    if answer.status_code != 200:
        raise Unavailable(f"{copy.owner} answers {answer.status_code} to audits.")
    try:
        return _page(copy, answer.json())
    except (Unreadable, ValueError, KeyError, TypeError) as error:
        log.exception("what an owner says cannot be read", extra={"copy": copy.name})
        raise Unavailable(f"{copy.owner} says what this version cannot read.") from error


def _page(copy: Copy, told: dict[str, Any]) -> Page:
    events = (Event.of(members) for members in told["states"])
    states = {int(event.subject): _read(copy, event) for event in events}
    until = int(told["next"]) if told["next"] else None
    return Page(states, until, datetime.fromisoformat(told["as_of"]))


def _read(copy: Copy, event: Event) -> Event:
    """The state with its data in the shape that the handlers expect."""
    reads = copy.reads or current_app.extensions["consumers"][event.type].reads
    return replace(event, data=reads.model_validate(event.data))


def _client(copy: Copy) -> Client:
    clients: dict[str, Any] = current_app.extensions["owners"]
    if copy.owner not in clients:
        secret = settings.internal_secret.get_secret_value()
        sentence = f"{copy.owner} does not answer."
        clients[copy.owner] = Client(address(copy), sentence=sentence, credential=f"Internal {secret}")
    return clients[copy.owner]
