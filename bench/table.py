"""The rows of the table: what is asked, and the aims of the design in milliseconds of CPU."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass

from .blog import READER, Bench
from .data import PASSWORD
from .load import CONNECTIONS, Ask

SIGN_INS = 170  # as many as one run lasts for
FEW = 200  # different things asked for in turn, so that no cache of one answer flatters


@dataclass(frozen=True)
class Line:
    """`aim` and `peer` in milliseconds of CPU a request; the peer is Flasky with indexes added, at S."""

    name: str
    aim: float
    peer: float
    asks: Callable[[Bench], list[Ask]]
    floor: bool = True
    connections: int = CONNECTIONS
    fresh: bool = False  # other requests in each round


def api(bench: Bench, *paths: str) -> list[Ask]:
    headers = {"Authorization": f"Bearer {bench.token()}"}
    return [Ask(f"/api/v1{path}", headers=headers) for path in paths]


def some_posts(bench: Bench) -> range:
    return range(bench.size.posts - FEW + 1, bench.size.posts + 1)


def writes(bench: Bench) -> list[Ask]:
    """Of as many people as write at once: two posts of one person would wait for each other's count."""
    text = json.dumps({"body": "**A post** of the usual length. " * 20})
    bearers = (f"Bearer {bench.token(READER + number)}" for number in range(CONNECTIONS))
    headers = ({"Authorization": bearer, "Content-Type": "application/json"} for bearer in bearers)
    return [Ask("/api/v1/posts/", "POST", each, text) for each in headers]


def sign_ins(bench: Bench) -> list[Ask]:
    """Others each time, because the gateway remembers a password for a minute; more than sign in during
    one run. Few at once: auth refuses what would have to wait long for its turn to hash.
    """
    people = [1 + (bench.signed_in + number) % bench.size.people for number in range(3 * SIGN_INS)]
    bench.signed_in += SIGN_INS
    pairs = [base64.b64encode(f"user{id}@example.com:{PASSWORD}".encode()).decode() for id in people]
    return [Ask("/api/v1/tokens/", "POST", {"Authorization": f"Basic {pair}"}) for pair in pairs]


def followed(bench: Bench) -> list[Ask]:
    return [Ask("/", headers={"Cookie": f"{bench.cookie()}; show_followed=1"})]


LINES = [
    Line("API one post", 1.0, 1.8, lambda it: api(it, *(f"/posts/{id}" for id in some_posts(it)))),
    Line("API user", 0.9, 1.9, lambda it: api(it, *(f"/users/{id}" for id in range(1, 100)))),
    Line("API posts, page 1", 1.5, 12.7, lambda it: api(it, "/posts/")),
    Line("API timeline, page 1", 1.5, 12.7, lambda it: api(it, f"/users/{READER}/timeline/")),
    Line("page: home, anonymous", 2.5, 24.8, lambda it: [Ask("/")]),
    Line("page: home, followed, signed in", 3.8, 21.6, followed),
    Line("page: post with 30 comments", 3.2, 15.5, lambda it: [Ask("/post/1")]),
    Line("page: profile", 3.5, 13.3, lambda it: [Ask(f"/user/user{id}") for id in range(1, 100)]),
    Line("API write a post", 5.0, 5.4, writes, floor=False),
    Line("sign in", 22.0, 53.0, sign_ins, floor=False, connections=2, fresh=True),
]
