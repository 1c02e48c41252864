"""F13: part of every copy is corrupted, then a whole one is dropped, all while it is read."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from ..rig.blog import Rig, long, told
from ..rig.checker import settle
from ..rig.load import Member, within

POSTS = long(2000, 24)
TABLES = {"auth": ("users",), "posts": ("people",), "social": ("people", "cards")}
# All, except those of which copies are not made: when somebody was forgotten here, and how many comments a
# post had that is gone.
COLUMNS = {
    "auth users": "id, post_count, post_count_version",
    "posts people": "id, username, name, avatar_hash, version, removed",
    "social cards": "id, author_id, body, body_html, published_at, edited_at, version, removed,"
    " CASE WHEN removed THEN 0 ELSE comment_count END,"
    " CASE WHEN removed THEN 0 ELSE comment_count_version END",
}
WORKERS = [f"{service}-worker" for service in TABLES]
GHOST = 9_000_000_000
# For each copy every kind of damage; {0}, {1}, … are rows that each is done to.
DAMAGE = {
    "auth": [
        "UPDATE users SET post_count = post_count + 7 WHERE id = {0}",
        "UPDATE users SET post_count = 40, post_count_version = 999999 WHERE id = {1}",
        "UPDATE users SET post_count = 0, post_count_version = 0 WHERE id = {2}",
    ],
    "posts": [
        "UPDATE people SET username = 'mallory' WHERE id = {0}",
        "UPDATE people SET name = 'Mallory', version = 999999 WHERE id = {1}",
        "DELETE FROM people WHERE id = {2}",
        f"INSERT INTO people (id, username, version, removed) VALUES ({GHOST}, 'ghost', 3, false)",
    ],
    "social": [
        "UPDATE people SET username = 'mallory' WHERE id = {0}",
        "UPDATE people SET name = 'Mallory', version = 999999 WHERE id = {1}",
        "UPDATE people SET post_count = post_count + 7, follower_count = 99 WHERE id = {2}",
        "UPDATE people SET latest_at = NULL, latest_id = NULL WHERE id = {0}",
        f"INSERT INTO people (id, username, version) VALUES ({GHOST}, 'ghost', 3)",
    ],
}
CARDS = [
    "UPDATE cards SET body = 'forged' WHERE id = {0}",
    "UPDATE cards SET body_html = 'forged', version = 999999 WHERE id = {0}",
    "UPDATE cards SET body = 'old', version = 0 WHERE id = {0}",
    "UPDATE cards SET comment_count = 40 WHERE id = {0}",
    "UPDATE cards SET removed = true, published_at = NULL, body = NULL WHERE id = {0}",
    "DELETE FROM cards WHERE id = {0}",
    f"INSERT INTO cards (id, author_id, body, version) VALUES ({GHOST} + {{0}}, 1, 'ghost', 3)",
]


@pytest.fixture(scope="module")
def members(rig: Rig) -> list[Member]:
    """Four people who follow each other and have written; all of it has arrived everywhere."""
    members = rig.members(4, patience=5)
    for member in members:
        for other in member.others:
            member.follow(other)
    for number in range(POSTS):
        members[number % 3].publish(f"text {number} of F13 {time.monotonic_ns()}")  # the fourth has no posts
    members[1].comment(members[0].mine[0], f"a comment of F13 {time.monotonic_ns()}")
    members[0].delete(members[0].mine.pop())
    settle(rig.books)
    return members


@pytest.fixture
def auditing(rig: Rig) -> Iterator[None]:
    """The workers audit all the time, a page at once, as fast as a test wants it."""
    audit_at(rig, "0.1")
    yield
    audit_at(rig, "0")


def audit_at(rig: Rig, every: str) -> None:
    rig.stack.given["AUDIT_EVERY"] = every
    rig.stack.stop(*WORKERS)
    rig.stack.start(*WORKERS)
    rig.stack.ready()


def everything(rig: Rig) -> dict[str, list[tuple[Any, ...]]]:
    """Every copy, row by row and column by column."""
    return {
        f"{service} {table}": sorted(
            rig.books.rows(service, f"SELECT {COLUMNS.get(f'{service} {table}', '*')} FROM {table}"), key=repr
        )
        for service, tables in TABLES.items()
        for table in tables
    }


def change(rig: Rig, service: str, statement: str) -> int:
    with rig.books.engines[service].begin() as connection:
        return connection.execute(sa.text(statement)).rowcount


def corrupt(rig: Rig, members: list[Member]) -> int:
    """Every kind of damage to every copy, and each kind to its share of 1 % of the cards."""
    people = [member.id for member in members]
    done = [change(rig, service, one.format(*people)) for service in DAMAGE for one in DAMAGE[service]]
    cards = [id for (id,) in rig.books.rows("social", "SELECT id FROM cards WHERE NOT removed ORDER BY id")]
    number = max(len(CARDS), len(cards) // 100)
    for place, card in enumerate(cards[:: max(len(cards) // number, 1)][:number]):
        done.append(change(rig, "social", CARDS[place % len(CARDS)].format(card)))
    assert all(done), "a damage did none"
    return sum(done)


class Reader:
    """Somebody who reads all the while, through the gateway."""

    def __init__(self, member: Member) -> None:
        self._member, self.statuses = member, list[int]()
        self.stopping = threading.Event()

    def read(self) -> None:
        mine = self._member.id
        while not self.stopping.is_set():
            for path in (f"/users/{mine}/timeline/", "/posts/", f"/users/{mine}"):
                self.statuses.append(self._member.person.get(path).status_code)
            time.sleep(0.02)


@contextmanager
def reading(member: Member) -> Iterator[Reader]:
    reader = Reader(member)
    thread = threading.Thread(target=reader.read)
    thread.start()
    try:
        yield reader
    finally:
        reader.stopping.set()
        thread.join()


def test_corrupted_and_dropped_copies_are_found_and_repaired_while_they_are_read(rig, members, auditing):
    """F13."""
    right = everything(rig)
    with reading(members[0]) as reader:
        damaged = corrupt(rig, members)
        repaired = within(long(300, 120), lambda: everything(rig) == right)
        dropped = change(rig, "social", "DELETE FROM cards") + change(rig, "posts", "DELETE FROM people")
        rebuilt = within(long(300, 120), lambda: everything(rig) == right)
        change(rig, "social", "DELETE FROM cards")
        began = time.monotonic()
        said = rig.command("social", "audit")
        at_once = time.monotonic() - began
        assert everything(rig) == right, said
    failed = [status for status in reader.statuses if status != 200]
    rig.check()
    measured = (
        f"repaired by the workers {repaired:.1f} s after, rebuilt {rebuilt:.1f} s after; cards by"
        f" `flask audit` in {at_once:.1f} s; {len(failed)} of {len(reader.statuses)} reads failed"
    )
    injected = f"{damaged} rows of 4 copies damaged, then {dropped} rows dropped"
    told("F13", rig.kind, injected, measured, "equal row for row, 0 failed")
    assert not failed
