"""F14: somebody who has written very much is removed: a bit at a time, and others write meanwhile."""

import threading
import time
from collections import Counter
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

import posts.app
import social.app
from chassis.testing.service import Doors, service_doors

from ..rig.blog import LONG, limit, long, told
from ..rig.load import percentile

posts_doors = service_doors("posts", posts.app.create_app, posts.app.Settings)
social_doors = service_doors("social", social.app.create_app, social.app.Settings)
FOLLOW, COMMENT, WRITE = 1, 2, 4
GONE, BEN = 7, 2
FIRST = 10_000_000  # far from the numbers that the others' posts get
NUMBER = long(100_000, 2_000)
AT = "'2026-01-01 00:00:00+00:00'"
SERIES = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {NUMBER})"
PEOPLE = f"INSERT INTO people (id, username, version, removed) VALUES ({GONE}, 'gone', 1, false)"
WRITTEN = [
    PEOPLE,
    "INSERT INTO posts (id, author_id, body, body_html, published_at, version, comment_count,"
    f" comment_count_version) {SERIES} SELECT {FIRST} + i, {GONE}, 'a text', '<p>a text</p>', {AT}, 1,"
    " CASE WHEN i % 10 = 0 THEN 1 ELSE 0 END, 1 FROM n",
    "INSERT INTO comments (id, post_id, author_id, body, body_html, published_at, disabled, version)"
    f" {SERIES} SELECT {FIRST} + i, {FIRST} + i, {BEN}, 'a comment', '', {AT}, false, 1 FROM n"
    " WHERE i % 10 = 0",
    f"INSERT INTO tallies (kind, subject, shard, n, version) VALUES ('posts', 0, 0, {NUMBER}, 1),"
    f" ('posts_of', {GONE}, 0, {NUMBER}, {NUMBER}), ('comments', 0, 0, {NUMBER // 10}, 1),"
    f" ('comments_of', {BEN}, 0, {NUMBER // 10}, 1)",
]
COPIED = [
    PEOPLE,
    "INSERT INTO cards (id, author_id, body, body_html, published_at, version, removed)"
    f" {SERIES} SELECT i, {GONE}, 'a text', '<p>a text</p>', {AT}, 1, false FROM n",
]


def seed(doors: Doors, statements: list[str]) -> None:
    with doors.app.app_context(), doors.app.extensions["sqlalchemy"].engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def value(doors: Doors, question: str) -> int:
    with doors.app.app_context():
        return int(doors.app.extensions["sqlalchemy"].value(sa.text(question)))


class Other(threading.Thread):
    """Somebody else, who does something all the while."""

    def __init__(self, act) -> None:
        super().__init__()
        self._act, self.ending, self.seconds = act, threading.Event(), list[float]()
        self.statuses = Counter[int]()

    def run(self) -> None:
        while not self.ending.wait(0.05):
            began = time.monotonic()
            self.statuses[self._act().status_code] += 1
            self.seconds.append(time.monotonic() - began)


@contextmanager
def beside(act):
    other = Other(act)
    other.start()
    try:
        yield other
    finally:
        other.ending.set()
        other.join()


def removed(doors: Doors) -> float:
    """The event comes, and the worker's job does the rest; how long that took."""
    began = time.monotonic()
    doors.receive("auth.user_removed.v1", GONE, 2, {"id": GONE})
    assert not doors.parked()
    while value(doors, f"SELECT count(*) FROM people WHERE id = {GONE} AND forgotten_at IS NULL"):
        doors.job("forget people")
    return time.monotonic() - began


@pytest.mark.parametrize("service", ["posts", "social"])
def test_very_many_posts_go_in_small_steps_and_nobody_else_waits(service, request, stack):
    doors = request.getfixturevalue(f"{service}_doors")
    seed(doors, WRITTEN if service == "posts" else COPIED)
    ben = doors.as_("ben", FOLLOW | COMMENT | WRITE, id=BEN)
    acts = {
        "posts": lambda: ben.post("/api/v1/posts/", json={"body": "a text of somebody else"}),
        "social": lambda: ben.put("/api/v1/users/3/follow"),
    }
    if service == "social":
        doors.receive("auth.user_registered.v1", 3, 1, someone(3))
        doors.receive("auth.user_registered.v1", BEN, 1, someone(BEN))
    with beside(acts[service]) as other:
        took = removed(doors)
    assert set(other.statuses) <= {200, 201}, other.statuses
    assert left(doors, service) == 0
    if service == "posts":
        assert value(doors, f"SELECT n FROM tallies WHERE kind = 'posts_of' AND subject = {GONE}") == 0
        written = value(doors, f"SELECT count(*) FROM posts WHERE author_id = {BEN}")
        assert value(doors, "SELECT sum(n) FROM tallies WHERE kind = 'posts'") == written
        assert value(doors, "SELECT sum(n) FROM tallies WHERE kind IN ('comments', 'comments_of')") == 0
        told_so = "SELECT count(*) FROM outbox WHERE type = 'posts.post_removed.v1'"
        assert value(doors, told_so) == NUMBER
    slow = percentile(other.seconds, 0.99)
    measured = (
        f"{took:.1f} s ({NUMBER / took:.0f} a second), {len(other.seconds)} writes of others meanwhile:"
        f" p99 {slow * 1000:.0f} ms, {max(other.seconds) * 1000:.0f} at most"
    )
    told("F14", stack, f"{NUMBER} posts of one author removed, {service}", measured, "others' p99 ≤ 1 s")
    assert slow <= limit(1) if LONG else slow <= 10


def left(doors: Doors, service: str) -> int:
    """What is still there to read."""
    texts = {
        "posts": "posts WHERE (removed_at IS NULL OR body <> '')",
        "social": "cards WHERE body IS NOT NULL",
    }
    return value(doors, f"SELECT count(*) FROM {texts[service]} AND author_id = {GONE}")


def someone(id: int) -> dict[str, object]:
    known = {"username": f"user{id}", "name": None, "avatar_hash": f"{id:032x}"}
    return {"id": id, **known, "member_since": "2026-01-01T00:00:00Z"}
