"""A8: hundreds of connections that trickle heads, bodies, or take their answers slowly, while honest people read."""

import contextlib
import socket
import statistics
import time

import pytest
import requests

from chassis.testing.polling import eventually

from .fuzzing import growth, memory
from .site import LONG, SERVICES, Site, long, told
from .trickle import SLOW, trickling

PATIENCE = 20.0  # seconds; a frozen service answers nobody

HALF, LARGE, MOST = long(500, 200), 1024 * 1024, 128.0  # connections; bytes that each sends; megabytes


class Honest:
    """Somebody who reads, by new connections and by a kept one in turn."""

    def __init__(self, site: Site, door: str) -> None:
        self.url = f"http://127.0.0.1:{site.doors[door]}{site.own(door)}"
        self.headers = {"Authorization": f"Bearer {site.ann.token}"}
        self.kept = requests.Session()
        self.kept.trust_env = False
        self.failed = 0

    def read(self, count: int) -> list[float]:
        """How long each took."""
        return [self.seconds(self.kept.get if number % 2 else requests.get) for number in range(count)]

    def seconds(self, ask) -> float:
        began = time.monotonic()
        try:
            self.failed += ask(self.url, headers=self.headers, timeout=PATIENCE).status_code != 200
        except requests.RequestException:
            self.failed += 1
        return time.monotonic() - began


@pytest.mark.alone
@pytest.mark.parametrize("door", ["gateway", *(SERVICES if LONG else ("posts",))])
def test_the_slow_slow_nobody_else(site, door):
    """In turns with and without them, so that what else the machine does counts for both."""
    site.ann.sign_in()
    honest, alone, beside = Honest(site, door), [], []
    count = long(250, 60)
    for _ in range(long(5, 3)):
        alone += honest.read(count)
        with trickling(site.doors[door], site.own(door), site.ann.token):
            beside += honest.read(count)
    eventually(lambda: max(honest.read(10)) < 1, 60)  # the next test finds the site as it was
    middle, worst = ratio(alone, beside, 50), ratio(alone, beside, 99)
    told("A8", site.kind, f"{SLOW} slow connections at {door}: honest requests failed", len(beside), honest.failed,
         f"p50 ×{middle:.2f}, p99 ×{worst:.2f}")  # fmt: skip
    assert honest.failed == 0
    assert middle <= long(2, 10)
    if count > 100:
        assert worst <= 1.5


def ratio(alone: list[float], beside: list[float], percent: int) -> float:
    return percentile(beside, percent) / percentile(alone, percent)


def percentile(seconds: list[float], percent: int) -> float:
    return statistics.quantiles(seconds, n=100)[percent - 1]


@pytest.mark.parametrize("door", ["gateway", "posts", "web"])
def test_bodies_that_stop_before_their_end_do_not_fill_the_memory(site, door):
    """Hundreds of them, a megabyte each, from nobody. Honest people read and write meanwhile."""
    site.ann.sign_in()
    honest, before = Honest(site, door), memory(site)
    with contextlib.ExitStack() as slow:
        for _ in range(HALF):
            slow.enter_context(half_a_body(site.doors[door]))
        grown = growth(site, before)
        honest.read(20)
        made = site.ann.post("/posts/", body="an honest one")
    told("A8", site.kind, f"bodies of 1 MB that stop before their end at {door}", HALF, honest.failed,
         f"memory +{grown:.0f} MB")  # fmt: skip
    assert honest.failed == 0
    assert made.status_code == 201
    assert grown < MOST


def half_a_body(port: int) -> socket.socket:
    head = f"POST /auth/reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: {LARGE}\r\n\r\n".encode()
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    with contextlib.suppress(OSError):  # it may be hung up on already
        connection.sendall(head + b"x" * (LARGE - 1000))
    return connection
