"""How soon a post is in a follower's timeline: at so many writes a second, and at as many as are taken."""

import time
from pathlib import Path

import requests

from .blog import READER, Bench
from .load import wrk
from .table import writes

ARRIVALS, ARRIVALS_RATE = 200, 50
BURST_SECONDS = 10.0
LONGEST = 60.0  # seconds until the last post of a burst is in a timeline


def arrivals(bench: Bench) -> list[float]:
    """Seconds from the 201 of a post until a follower's timeline has it, at so many writes a second."""
    author, reader = 1, bench.token(READER)
    http, token = requests.Session(), bench.token(author)
    ages, due = [], time.monotonic()
    for number in range(ARRIVALS):
        time.sleep(max(due - time.monotonic(), 0))
        due += 1 / ARRIVALS_RATE
        body = {"body": f"Arrival {number}"}
        headers = {"Authorization": f"Bearer {token}"}
        made = http.post(f"{bench.stack.url}/api/v1/posts/", json=body, headers=headers, timeout=10).json()
        began = time.monotonic()
        while made["id"] not in shown(http, bench, reader):
            assert time.monotonic() - began < 10, "it never arrived"
        ages.append(time.monotonic() - began)
    return sorted(ages)


def burst(bench: Bench, folder: Path) -> tuple[float, float]:
    """Posts as fast as they are taken: how many a second, and how many seconds after it the last one is in a
    timeline. If consumers take less than is written, they are behind by then.
    """
    http, token = requests.Session(), bench.token(READER)
    drive = wrk(bench.stack.url, writes(bench), BURST_SECONDS, folder)
    ended = time.monotonic()
    last = shown(http, bench, token, of="posts")[0]
    while last not in shown(http, bench, token):
        assert time.monotonic() - ended < LONGEST, "the burst never arrived"
        time.sleep(0.05)
    return (drive.requests - drive.bad) / drive.seconds, time.monotonic() - ended


def shown(http: requests.Session, bench: Bench, token: str, of: str = "timeline") -> list[int]:
    """The ids on the first page of the reader's timeline, or of the reader's own posts. The first of several
    people's need not be the highest: a post has its time before it has its id.
    """
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{bench.stack.url}/api/v1/users/{READER}/{of}/"
    answer = http.get(url, headers=headers, timeout=10).json()
    return [int(post["id"]) for post in answer["posts"]]
