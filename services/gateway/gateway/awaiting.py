"""Read your own writes: the events that a caller's writes caused are named in that caller's later requests.

A service that consumes such an event waits for it a moment before it answers. (The idea is that of session
guarantees, Terry et al. 1994.) Kept in this process only: several gateways need session affinity.
"""

import time
from collections import OrderedDict, deque

SECONDS = 5.0
MOST_EVENTS = 20
MOST_CALLERS = 10_000
EVERYBODY = "*"


class Awaiting:
    """`mode`: `own` = a caller's own writes, `all` = every write this gateway has passed, `off` = none."""

    def __init__(self, mode: str = "own") -> None:
        self._mode = mode
        self._callers: OrderedDict[str, deque[tuple[float, str]]] = OrderedDict()

    def remember(self, caller: str, events: str) -> None:
        """Keeps the `Event-Ids` of an answer for the caller."""
        key = EVERYBODY if self._mode == "all" else caller
        if self._mode == "off" or not key:
            return
        kept = self._callers.setdefault(key, deque(maxlen=MOST_EVENTS))
        until = time.monotonic() + SECONDS
        kept.extend((until, event.strip()) for event in events.split(",") if event.strip())
        self._callers.move_to_end(key)
        self._forget_old()

    def events(self, caller: str) -> str:
        """The value of `Await-Events` for a request of this caller; empty if there is nothing to wait for."""
        if not self._callers:
            return ""
        key = EVERYBODY if self._mode == "all" else caller
        kept = self._callers.get(key)
        if kept is None:
            return ""
        now = time.monotonic()
        while kept and kept[0][0] < now:
            kept.popleft()
        if not kept:
            del self._callers[key]
        return ", ".join(event for _, event in kept)

    def _forget_old(self) -> None:
        """Callers are in the order of their last write, so the oldest are always at the front."""
        now = time.monotonic()
        while self._callers:
            key, kept = next(iter(self._callers.items()))
            if len(self._callers) <= MOST_CALLERS and kept and kept[-1][0] >= now:
                return
            del self._callers[key]
