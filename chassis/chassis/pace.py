"""Long jobs in short transactions: each takes as many rows as can be done in a moment.

A transaction keeps others waiting (on SQLite everybody who writes), and a number of rows that takes a blink
on a quiet machine takes seconds on a busy one. So the time that one took says how many the next may take.
"""

import time
from collections.abc import Callable, Iterable

AT_A_TIME = 5.0  # seconds of a job before the worker is told that we are alive
AIM = 0.4  # seconds of one transaction: others are refused after 2.5
PAUSE = 0.1  # seconds between two: others write, and events go out, meanwhile


class Pace:
    """How many rows the next transaction takes: `rows`, between a twentieth of `most` and `most`."""

    def __init__(self, most: int) -> None:
        self._least, self._most = max(1, most // 20), most
        self.rows = max(1, most // 8)

    def took(self, seconds: float) -> None:
        """Half as many after a slow one, twice as many after a quick one."""
        if seconds > AIM:
            self.rows = max(self._least, self.rows // 2)
        elif seconds < AIM / 4:
            self.rows = min(self._most, self.rows * 2)


def in_steps(subjects: Iterable[int], step: Callable[[int, int], bool], most: int) -> None:
    """For some seconds: does a step for each subject after the other, until one says that it was the last.

    A step is one transaction, and is told how many rows it may take: `most`, or fewer.
    """
    pace, until = Pace(most), time.monotonic() + AT_A_TIME
    for subject in subjects:
        while True:
            began = time.monotonic()
            if began >= until:
                return
            more = step(subject, pace.rows)
            if not more:
                break
            pace.took(time.monotonic() - began)
            time.sleep(PAUSE)
