"""Waiting in tests: poll with a deadline, never sleep for luck."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(question: Callable[[], T], within: float = 15.0, every: float = 0.01) -> T:
    """The first true answer. Fails with the last answer when none comes within so many seconds."""
    deadline = time.monotonic() + within
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; the last answer was {answer!r}")
        time.sleep(every)
    return answer
