"""A8: hundreds of connections that trickle heads, bodies, or do not take their answers, while honest people read."""

import contextlib
import socket
import statistics
import threading
import time

import pytest
import requests

from .site import Site, long, told

SLOW = 500
HEAD = b"GET /api/v1/posts/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
BODY = b"POST /api/v1/users/confirm HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"
READ = b"GET /static/site.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20


class Trickle:
    """A third sends its head byte by byte, a third its body, a third never reads what it has asked for."""

    def __init__(self, port: int) -> None:
        self.port, self.ended = port, threading.Event()
        self.all: list[tuple[socket.socket, bytes]] = []

    def __enter__(self):
        for number in range(SLOW):
            self.all.append((self.open(number), b"" if number % 3 == 2 else b"x"))
        self.thread = threading.Thread(target=self.trickle, daemon=True)
        self.thread.start()
        return self

    def open(self, number: int) -> socket.socket:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", self.port))
        connection.sendall((HEAD, BODY, READ)[number % 3])
        return connection

    def trickle(self) -> None:
        while not self.ended.wait(0.5):
            for place, (connection, piece) in enumerate(self.all):
                try:
                    connection.send(piece)
                except OSError:  # hung up on: comes again
                    connection.close()
                    with contextlib.suppress(OSError):
                        self.all[place] = (self.open(place), piece)

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()
        for connection, _ in self.all:
            connection.close()


def honest(site: Site, door: str, count: int) -> tuple[list[float], int]:
    """Seconds of each of so many reads, new connections and kept ones mixed; and how many failed."""
    seconds, failed = [], 0
    with requests.Session() as kept:
        kept.trust_env = False
        for number in range(count):
            began = time.monotonic()
            ask = kept.get if number % 2 else requests.get
            answer = ask(f"http://127.0.0.1:{site.doors[door]}/api/v1/posts/",
                         headers={"Authorization": f"Bearer {site.ann.token}"}, timeout=10)  # fmt: skip
            failed += answer.status_code != 200
            seconds.append(time.monotonic() - began)
    return seconds, failed


@pytest.mark.parametrize("door", ["gateway", "posts"])
def test_the_slow_slow_nobody_else(site, door):
    site.ann.sign_in()
    count = long(2000, 200)
    before, _ = honest(site, door, count)
    with Trickle(site.doors[door]):
        during, failed = honest(site, door, count)
    ratio = p99(during) / p99(before)
    told("A8", site.kind, f"{SLOW} slow connections at {door}: honest requests failed", count, failed,
         f"p50 ×{statistics.median(during) / statistics.median(before):.2f}, p99 ×{ratio:.2f}")  # fmt: skip
    assert failed == 0
    if count > 1000:
        assert ratio <= 1.5


def p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]
