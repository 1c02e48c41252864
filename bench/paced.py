"""Asks at a set pace, open loop, in a process of its own: what measures must not wait for what is measured.

    python -m bench.paced < {"url": …, "asks": […], "rate": 300, "seconds": 3, "connections": 16}

Tells the seconds that each answer took, as JSON. They count from when the question was due, so that a server
that stands still is not asked less (coordinated omission); with plain sockets, because a client that takes as
much CPU as the server would measure its own queue.
"""

import json
import sys
import time
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import urlsplit

import gevent
from gevent import socket

PATIENCE = 10.0  # seconds for an answer


class Wrong(RuntimeError):
    """An answer that is no success, or none at all."""


def asked(address: tuple[str, int], asks: list[bytes], turns: Iterator[tuple[int, float]]) -> list[float]:
    """One connection's share of the turns: which number, and when it is due."""
    taken = []
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = connection.makefile("rb")
        for number, due in turns:
            if (early := due - time.monotonic()) > 0:
                gevent.sleep(early)
                due = time.monotonic()  # a timer's own delay is not the server's
            ask = asks[number % len(asks)]
            connection.sendall(ask)
            if (status := read(answers)) >= 400:
                raise Wrong(f"{ask.split(b' HTTP', 1)[0].decode()}: {status}")
            taken.append(time.monotonic() - due)
    return taken


def read(answers: BinaryIO) -> int:
    """The status of an answer whose length is given."""
    status, length = answers.readline().split(), -1
    while (line := answers.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if not status or length < 0 or len(answers.read(length)) < length:
        raise Wrong(f"no whole answer of a known length: {status}")
    return int(status[1])


def main() -> None:
    given = json.load(sys.stdin)
    at = urlsplit(given["url"])
    began = time.monotonic() + 0.05
    numbers = range(int(given["rate"] * given["seconds"]))
    turns = ((number, began + number / given["rate"]) for number in numbers)
    asks = [ask.encode() for ask in given["asks"]]
    workers = [gevent.spawn(asked, (at.hostname, at.port), asks, turns) for _ in range(given["connections"])]
    gevent.joinall(workers, raise_error=True)
    print(json.dumps(sorted(each for worker in workers for each in worker.value or ())))


if __name__ == "__main__":
    main()
