"""F10: a database is locked, or restarted: 503 with Retry-After within 3 s, never 500, healthy 5 s after."""

import sqlite3
import time
from contextlib import closing

import pytest

from ..rig.blog import Rig, long, told
from ..rig.load import Load, Try, within

RATE = 10.0


@pytest.fixture(scope="module")
def members(rig):
    return rig.members(4)


def test_a_database_that_is_away_is_said_so_soon_and_comes_back_alone(rig, members):
    seconds, began = long(10, 5), time.monotonic()
    with Load(members, RATE, seed=10):
        restart(rig, seconds) if rig.real else lock(rig, seconds)
        healthy = within(10, lambda: all(works(member) for member in members))
    refused = [each for each in rig.ledger.tries() if each.at > began and not 200 <= each.status < 300]
    unavailable = [each for each in refused if each.status == 503]
    slowest = max((each.seconds for each in unavailable), default=0.0)
    arrived = rig.check()
    injected = f"PostgreSQL away {seconds} s" if rig.real else f"SQLite of posts locked {seconds} s"
    measured = (
        f"{len(unavailable)} × 503 in {slowest:.1f} s at most, {count_of(refused, 500)} × 500,"
        f" healthy {healthy:.1f} s after, all arrived {arrived:.1f} s after"
    )
    told("F10", rig.kind, injected, measured, "503 ≤ 3 s, never 500, healthy ≤ 5 s")
    assert unavailable
    assert len(refused) == len(unavailable), {(each.status, round(each.seconds, 1)) for each in refused}
    assert all(each.retry_after for each in unavailable)
    assert slowest <= 3
    assert healthy <= 5


def works(member) -> bool:
    return member.publish("text of somebody who tries whether it works").outcome == "done"


def count_of(tries: list[Try], status: int) -> int:
    return sum(each.status == status for each in tries)


def lock(rig: Rig, seconds: float) -> None:
    with closing(sqlite3.connect(rig.stack.data / "posts.sqlite", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        holder.execute("ROLLBACK")


def restart(rig: Rig, seconds: float) -> None:
    rig.postgres.stop()
    time.sleep(seconds)
    rig.postgres.start()
