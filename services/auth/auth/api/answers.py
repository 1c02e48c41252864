"""What the answers and requests of auth have in common."""

from collections.abc import Mapping
from typing import Any

from flask import request

from chassis.access import Answer

from .. import origin
from ..models import state_of


def identity_changed(
    id: int, body: Any = None, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    """Tells the gateway that what it has learnt of this person no longer counts."""
    return Answer(body, status, {"Identity-Changed": str(id), **(headers or {})})


def tagged(account: Any) -> dict[str, str]:
    """The tag of an account's state, for `If-Match`."""
    return {"ETag": f'"{state_of(account)}"'}


def expected() -> set[str] | None:
    """The states of which the caller has seen one, if the request says so."""
    if "If-Match" not in request.headers or request.if_match.star_tag:
        return None
    return request.if_match.as_set(include_weak=True)


def address() -> str:
    """Where the caller is, as the gateway says."""
    return request.headers.get("X-Forwarded-For", request.remote_addr or "")[:64]


def note_origin() -> None:
    """Before every request: from where it came, for the log and the sessions."""
    origin.begin(address(), agent())


def agent() -> str:
    """The caller's program, in printable characters."""
    return "".join(filter(str.isprintable, request.headers.get("User-Agent", "")))[:256]
