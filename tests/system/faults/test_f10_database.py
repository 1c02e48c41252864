"""F10: a database is locked, restarted, out of connections, on a full disk, or written by four processes at
once: 503 with Retry-After within 3 s, never 500, healthy 5 s after.
"""

import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, suppress

import psycopg
import pytest
import sqlalchemy as sa

from chassis.testing.polling import eventually

from ..rig.blog import LONG, Rig, limit, long, told
from ..rig.load import Load, Member, Try, within

RATE = 10.0
SECONDS = long(10, 3)
BOUND = "503 ≤ 3 s, never 500, healthy ≤ 5 s"


@pytest.fixture(scope="module")
def members(rig):
    return rig.members(4)


def endured(rig: Rig, members: list[Member], injected: str, fault: AbstractContextManager[object]) -> None:
    """People write before, during and after the fault; judges what they were told."""
    began = time.monotonic()
    with Load(members, RATE, seed=10):
        with fault:
            time.sleep(SECONDS)
        healthy = within(limit(10), lambda: all(works(member) for member in members))
    refused = [each for each in rig.ledger.tries() if each.at > began and not 200 <= each.status < 300]
    arrived = rig.check()
    slowest = max((each.seconds for each in refused), default=0.0)
    measured = (
        f"{count_of(refused, 503)} × 503 in {slowest:.1f} s at most, {count_of(refused, 500)} × 500,"
        f" healthy {healthy:.1f} s after, all arrived {arrived:.1f} s after"
    )
    told("F10", rig.kind, f"{injected} {SECONDS} s", measured, BOUND)
    assert refused
    assert said_so_soon(refused), {
        (each.status, each.retry_after, round(each.seconds, 1)) for each in refused
    }
    assert healthy <= limit(5)


def said_so_soon(refused: list[Try]) -> bool:
    """On a machine that others use the gateway may lose patience before the database does: 504."""
    statuses = {503} if LONG else {503, 504}
    return all(
        each.status in statuses and (each.retry_after or each.status == 504) and each.seconds <= limit(3)
        for each in refused
    )


def works(member: Member) -> bool:
    return member.publish(f"text that tries whether it works {uuid.uuid4().hex}").outcome == "done"


def count_of(tries: list[Try], status: int) -> int:
    return sum(each.status == status for each in tries)


def test_a_database_in_trouble_is_said_so_soon_and_comes_back_alone(rig, members):
    if rig.real:
        endured(rig, members, "table of PostgreSQL locked", locked_table(rig))
        endured(rig, members, "PostgreSQL away", away(rig))
        endured(rig, members, "PostgreSQL out of connections", Crowd(rig))
    else:
        endured(rig, members, "SQLite of posts locked", locked_file(rig))


@contextmanager
def locked_file(rig: Rig) -> Iterator[None]:
    with closing(sqlite3.connect(rig.stack.data / "posts.sqlite", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


@contextmanager
def locked_table(rig: Rig) -> Iterator[None]:
    with rig.books.engines["posts"].begin() as holder:
        holder.execute(sa.text("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE"))
        yield


@contextmanager
def away(rig: Rig) -> Iterator[None]:
    rig.postgres.stop()
    try:
        yield
    finally:
        rig.postgres.start()


class Crowd(threading.Thread):
    """Takes every connection the server has, again and again, and ends those of the services."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(daemon=True)
        self._address = f"{rig.postgres.address}/postgres"
        self._held: list[psycopg.Connection[tuple[object, ...]]] = []
        self._over = threading.Event()

    def __enter__(self) -> None:
        self._take()
        self.start()
        eventually(lambda: len(self._held) > 150)

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        for connection in self._held:
            connection.close()

    def run(self) -> None:
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname <> 'postgres'"
        while not self._over.is_set():
            self._held[0].execute(end)
            with suppress(psycopg.OperationalError):
                while True:
                    self._take()
            self._over.wait(0.02)

    def _take(self) -> None:
        self._held.append(psycopg.connect(self._address, autocommit=True))


def test_four_processes_that_write_at_once_refuse_nobody(rig, members):
    each, began = long(200, 15), time.monotonic()
    with four_processes(rig), ThreadPoolExecutor(len(members)) as pool:
        for writing in [pool.submit(publish, member, each) for member in members]:
            writing.result()
    tries = [each for each in rig.ledger.tries() if each.at > began]
    refused = [each for each in tries if not 200 <= each.status < 300]
    slowest = max(each.seconds for each in tries)
    arrived = rig.check()
    measured = (
        f"{len(tries)} writes, {len(refused)} refused, {count_of(tries, 500)} × 500,"
        f" {slowest:.1f} s at most, all arrived {arrived:.1f} s after"
    )
    told("F10", rig.kind, "four processes of posts write at once", measured, "503 ≤ 3 s, never 500")
    assert said_so_soon(refused)
    assert len(refused) <= len(tries) / (100 if LONG else 10)


def publish(member: Member, count: int) -> None:
    for number in range(count):
        member.publish(f"text {number} {uuid.uuid4().hex}")


@contextmanager
def four_processes(rig: Rig) -> Iterator[None]:
    rig.stack.given["WEB_CONCURRENCY"] = "4"
    try:
        rig.stack.restart("posts")
        rig.stack.ready()
        yield
    finally:
        del rig.stack.given["WEB_CONCURRENCY"]
        rig.stack.restart("posts")
        rig.stack.ready()
