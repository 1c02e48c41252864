"""From where the request in hand came, without passing it through every call."""

from contextvars import ContextVar
from typing import NamedTuple


class Origin(NamedTuple):
    """An IP address as the gateway says, and a User-Agent. Both empty: an operator, or an event."""

    address: str = ""
    agent: str = ""


NOWHERE = Origin()
_current: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


def current() -> Origin:
    return _current.get()


def begin(address: str = "", agent: str = "") -> None:
    """From now on in this request."""
    _current.set(Origin(address[:64], agent[:256]))
