"""How soon a post is in a follower's timeline, at so many writes a second."""

import time

import requests

from .blog import READER, Bench

ARRIVALS, ARRIVALS_RATE = 200, 50


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
        while newest(http, bench, reader) < made["id"]:
            assert time.monotonic() - began < 10, "it never arrived"
        ages.append(time.monotonic() - began)
    return sorted(ages)


def newest(http: requests.Session, bench: Bench, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{bench.stack.url}/api/v1/users/{READER}/timeline/"
    return int(http.get(url, headers=headers, timeout=10).json()["posts"][0]["id"])
