"""A circuit breaker: a service that keeps failing is left alone, so that nobody waits for it.

Why not a library's: docs/decisions/0012-overload-and-bad-upstreams.md. No lock: what two threads count at the
same moment may count once, or let a second request try, and neither does harm.
"""

import time
from collections.abc import Callable

from .wire import Failed


class Resting(Failed):
    """It failed so often just now that nobody asks it for a moment."""


class Breaker:
    """Opens after `FAILURES` failures in a row; then lets one request try again each `REST` seconds.

    Args:
        told: called with whether it is open, at least whenever that changes.
    """

    FAILURES, REST = 5, 1.0

    def __init__(self, told: Callable[[bool], object] = lambda _: None) -> None:
        self._failures, self._next_try, self._told = 0, 0.0, told
        told(False)

    @property
    def open(self) -> bool:
        return self._failures >= self.FAILURES

    def admit(self) -> None:
        """Raises `Resting` while the service should be left alone."""
        if not self.open:
            return
        now = time.monotonic()
        if now < self._next_try:
            raise Resting("failed too often")
        self._next_try = now + self.REST

    def succeeded(self) -> None:
        if self._failures:
            self._failures = 0
            self._told(False)

    def failed(self) -> None:
        self._failures += 1
        self._next_try = time.monotonic() + self.REST
        if self.open:  # not only at the fifth: two threads may have counted it together
            self._told(True)
