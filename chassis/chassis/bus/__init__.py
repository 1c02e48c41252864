"""The bus: events go from each service's outbox to every queue that is bound to their type, at least once.

Two buses with the same promises: RabbitMQ (`amqp://…`), and the embedded one in an SQLite file
(`sqlite:///…`) for development and one-machine sites.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from ..metrics import QUEUES_MADE

log = logging.getLogger(__name__)
EXCHANGE = "events"
DELIVERY_LIMIT = 5
PREFETCH = 50


@dataclass(frozen=True, slots=True)
class Message:
    """What travels: the event's id, its type (the routing key) and the envelope."""

    id: str
    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrives. `dead` says why the bus itself gave it up, if it did; `again` that it came before and was
    not settled, perhaps because it ended the process.
    """

    type: str
    body: bytes
    dead: str = ""
    again: bool = False


class Away(Exception):
    """Something needed is not there now (the database, the bus); wait and try the same again."""


class Blocked(Away):
    """The bus is there and takes nothing for now; asking it often makes that worse."""


class NoQueue(LookupError):
    """Nobody of this name listens; the message says who does, where the bus can tell."""


Handle = Callable[[Sequence[Delivery]], int]
"""Gets all that has come, in order. Returns how many of it, from the first on, are settled for good: at least
one. Raises `Away` when it must be given them again, however long that takes.
"""


class Publisher(Protocol):
    def publish(self, messages: Sequence[Message]) -> set[str]:
        """Publishes persistently; returns the ids that the bus has confirmed *and* routed. Raises `Away`."""

    def idle(self) -> None:
        """To be called about once a second while there is nothing to send (heartbeats)."""

    def close(self) -> None: ...


class Bus(Protocol):
    def declare(self, queue: str, types: Iterable[str], later: Iterable[str] = ()) -> None:
        """Makes the queue and binds it to exactly these types, and to those of `later` if its consumer has
        bound them already. Safe to repeat. Raises `Away`.
        """

    def publisher(self) -> Publisher: ...

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        """Puts messages straight into one queue. Raises `Away`."""

    def bound(self, queue: str) -> set[str] | None:
        """The types that a queue is bound to, or nothing where the bus cannot tell.

        Raises `NoQueue`, `Away`.
        """

    def consume(
        self,
        queue: str,
        types: Iterable[str],
        handle: Handle,
        stopping: threading.Event,
        beat: Callable[[], None],
    ) -> None:
        """Binds the queue to these types, hands deliveries to `handle` and acknowledges what it has settled;
        returns when `stopping` is set, never for another reason. Calls `beat` at least every few seconds.
        """

    def reachable(self) -> bool:
        """Whether the bus answers right now."""


def tell_missing(queue: str) -> None:
    """`prepare` declares queues: one that is gone has been lost with what was in it."""
    QUEUES_MADE.inc()
    log.error("the queue was gone; events may be missing: resend is needed", extra={"queue": queue})


def open_bus(url: str) -> Bus:
    """The bus that the address names. Nothing is connected yet."""
    if url.startswith(("amqp://", "amqps://")):
        from .rabbitmq import RabbitBus

        with suppress(TypeError, ValueError):  # their words would show parts of the address
            return RabbitBus(url)
    if url.startswith("sqlite:///"):
        from .embedded import EmbeddedBus

        return EmbeddedBus(url.removeprefix("sqlite:///"))
    raise SystemExit(
        "cannot start: BUS_URL must be amqp://user:password@host:port/vhost or sqlite:////folder/bus.sqlite"
    )
