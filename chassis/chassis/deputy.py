"""Who listens while the loop is at a task for long.

A loop that does the tasks itself wakes no other thread for them, and Python's lock stays with it. But a task
may wait: for a row that somebody has locked, for news, for a hash. Then its deputy listens until it is back.
(Go's scheduler does the same: it takes the processor from a thread that stays in a system call.)
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

log = logging.getLogger("server")
LONG = 0.01  # seconds after which a task counts as one that waits
RESTLESS = 5  # rounds without a task before it falls asleep: to wake it costs the loop more than a round
Result = TypeVar("Result")
mine: list["Deputy"] = []  # of this process, once its server has started


class Deputy:
    """`listen` is one round of listening; `call` ends a round that is waiting, from any thread.

    Whoever holds `_helm` may touch what the loop keeps: the loop itself, except while it is at a task.
    """

    def __init__(self, listen: Callable[[], None], call: Callable[[], None]) -> None:
        self._listen, self._call = listen, call
        self._helm, self._bell = threading.Lock(), threading.Lock()
        self._since, self._loop, self._asleep = 0.0, 0, False
        self.leads = False
        self.alone = 0.0  # seconds that the loop was at tasks without its deputy listening

    def start(self) -> None:
        """From the loop's own thread, which holds the helm from now on."""
        self._helm.acquire()
        self._bell.acquire()
        self._loop = threading.get_ident()
        mine[:] = [self]
        threading.Thread(target=self._watch, name="deputy", daemon=True).start()

    def during(self, task: Callable[[], Result]) -> Result:
        """Does a task in the loop's own thread."""
        began = self._since = time.monotonic()
        if self._asleep:
            self._ring()
        self._helm.release()
        try:
            return task()
        finally:
            self._since = 0.0
            if self._helm.acquire(blocking=False):
                self.alone += time.monotonic() - began
            else:
                self._call()
                self._helm.acquire()

    def hurry(self) -> None:
        """From within a task."""
        if threading.get_ident() == self._loop and self._since and not self.leads:
            self._since -= LONG
            self._ring()

    def _ring(self) -> None:
        """Only ever by the loop's thread, so nobody else can have let go of the bell meanwhile."""
        self._asleep = False
        if self._bell.locked():
            self._bell.release()

    def _watch(self) -> None:
        """Awake it holds Python's lock for microseconds: the loop needs it."""
        idle = 0
        while True:
            since = self._since
            idle = 0 if since else idle + 1
            if 0 < idle < RESTLESS:
                self._bell.acquire(timeout=LONG)
            elif not since:
                self._asleep = True
                if not self._since:  # or else a task has begun that saw it awake
                    self._bell.acquire()
            elif (left := since + LONG - time.monotonic()) > 0:
                self._bell.acquire(timeout=left)
            elif self._helm.acquire(blocking=False):
                self._stand_in(since)

    def _stand_in(self, since: float) -> None:
        self.leads = True
        try:
            while self._since == since:
                self._listen()
        except Exception:  # the loop will meet it too, where it counts
            log.exception("the loop's deputy cannot listen")
            self._since = 0.0
        finally:
            self.leads = False
            self._helm.release()


def aside() -> None:
    """What comes next takes long, says who knows: the deputy of this thread's loop need not find out."""
    for deputy in mine:
        deputy.hurry()
