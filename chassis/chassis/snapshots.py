"""Snapshots: the current state of everything that a service owns, page by page, for those who keep copies.

    def items_now(after: str, limit: int) -> list[Event]: ...
    create_service(…, snapshots={"shop.item_made.v1": items_now})

A page holds whole states in the order of their subjects, removed ones as removed, and costs one query.
`flask resend` says them all again; `GET /internal/snapshots/<name>` gives them to the audits of other
services. A name that is no type of event is for audits only.
"""

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any

from flask import Blueprint, current_app
from pydantic import Field

from .access import internal
from .events import Event, iso, now
from .problems import Invalid, NotFound
from .shapes import AS_WRITTEN, Query

Snapshot = Callable[[str, int], list[Event]]
"""Called with a subject and a number: the states of so many subjects after that one, in their order."""
LARGEST = 500
NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
api = Blueprint("snapshots", __name__, url_prefix="/internal/snapshots")


class Asked(Query):
    after: str = Field("", max_length=100)
    limit: Annotated[int, Field(ge=1, le=LARGEST), AS_WRITTEN] = 100


@api.get("/<name>")
@internal()
def page(name: str, asked: Asked) -> Any:
    """One page. `as_of` is a moment before it was read; without `next` there is nothing behind it."""
    snapshot: Snapshot | None = current_app.extensions["snapshots"].get(name)
    if snapshot is None:
        raise NotFound
    as_of = now()
    states = snapshot(asked.after, asked.limit)
    last = states[-1].subject if len(states) == asked.limit else None
    return {"as_of": iso(as_of), "states": [state.members() for state in states], "next": last}


def everything(snapshot: Snapshot) -> Iterator[Event]:
    """All states, read page by page."""
    after = ""
    while states := snapshot(after, LARGEST):
        yield from states
        after = states[-1].subject


def number(subject: str) -> int:
    """A subject that is a whole number; the empty one comes before all. Raises `Invalid`."""
    if subject and not NUMBER.fullmatch(subject):
        raise Invalid("after: must be a subject")
    return int(subject or 0)
