"""How many connections one network may have open. A silent one asks for nothing that a limit could count."""

from collections.abc import Iterator
from contextlib import contextmanager

from chassis import logs
from chassis.guard import unparsed
from chassis.places import Places

from . import metrics
from .limits import network
from .settings import Settings

SECONDS = 5  # until the refused should try again


class Connections:
    """Those of strangers. A proxy of ours has those of all its clients, and has to bound them itself.

    All who are refused get the same bytes: nothing of them is logged, so their number would tell nothing.
    """

    def __init__(self, settings: Settings) -> None:
        counted = settings.network_connections if not settings.trusted_hops else 0
        self._places = Places(counted) if counted else None
        self._ops_port = settings.ops_port
        self._refusal = unparsed(429, logs.request_id(None), settings.https, ("Retry-After", SECONDS))
        self._refused = metrics.LIMITED.labels("connections")

    @contextmanager
    def place(self, port: int, address: str) -> Iterator[bytes]:
        """Around each connection, by the worker. Gives the answer to one that may not stay."""
        who, places = network(address), self._places
        if places is None or port == self._ops_port:
            yield b""
        elif places.take(who):
            try:
                yield b""
            finally:
                places.give_back(who)
        else:
            self._refused.inc()
            yield self._refusal
