"""What the answers and requests of auth have in common."""

from typing import Any

from flask import request

from chassis.access import Answer

from .. import origin


def identity_changed(id: int, body: Any = None, status: int = 200) -> Answer:
    """Tells the gateway that what it has learnt of this person no longer counts."""
    return Answer(body, status, {"Identity-Changed": str(id)})


def address() -> str:
    """Where the caller is, as the gateway says."""
    return request.headers.get("X-Forwarded-For", request.remote_addr or "")[:64]


def note_origin() -> None:
    """Before every request: from where it came, for the log and the sessions."""
    origin.begin(address(), agent())


def agent() -> str:
    """The caller's program, in printable characters."""
    return "".join(filter(str.isprintable, request.headers.get("User-Agent", "")))[:256]
