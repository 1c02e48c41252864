"""Who was seen when: gathered here, handed to auth now and then, and once more at the end."""

import logging
import time

import gevent

from chassis.problems import Unavailable

from .insider import Insider

log = logging.getLogger(__name__)
MOST = 100_000
AT_ONCE = 1000


class Seen:
    def __init__(self, insider: Insider, seconds: float) -> None:
        self._insider, self._seconds = insider, seconds
        self._moments: dict[str, float] = {}

    def note(self, sub: str) -> None:
        if len(self._moments) < MOST:
            self._moments[sub] = time.time()

    def flush(self) -> None:
        """Hands over what was gathered; what auth cannot take now waits for the next time."""
        while self._moments:
            part = {sub: self._moments.pop(sub) for sub in list(self._moments)[:AT_ONCE]}
            try:
                self._insider.seen(part)
            except BaseException as error:  # also when this greenlet is killed in the middle
                self._moments = part | self._moments
                if not isinstance(error, Unavailable):
                    raise
                log.warning("last seen not handed over: auth is away", extra={"waiting": len(self._moments)})
                return

    def follow(self) -> None:
        """Flushes again and again, for ever."""
        while True:
            gevent.sleep(self._seconds)
            self.flush()
