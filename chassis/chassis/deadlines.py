"""Requests that nobody waits for any more are not worked on.

The gateway says with each request how many milliseconds are left (`X-Deadline-Ms`); what it has spent in line
for a thread counts. (The idea of deadline propagation: Google's SRE book, "Addressing Cascading Failures".)
"""

import threading
import time

from flask import Flask, request

from .problems import Unavailable

HEADER = "X-Deadline-Ms"
line = threading.local()
"""`joined`: when the request of this thread began to wait for it (monotonic)."""


class TooLate(Unavailable):
    message = "This took too long. Try again in a moment."


def left() -> float | None:
    """Seconds until nobody waits for the answer of this request; None if nobody has said."""
    given = request.headers.get(HEADER, "")
    if not given.isdecimal() or len(given) > 9:
        return None
    now = time.monotonic()
    return int(given) / 1000 - (now - getattr(line, "joined", now))


def refuse_late() -> None:
    seconds = left()
    if seconds is not None and seconds <= 0:
        raise TooLate


def install(app: Flask) -> None:
    app.before_request(refuse_late)
