"""F6: the bus is there and takes nothing: RabbitMQ's memory alarm blocks publishers, the file is locked."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import requests

from ..rig.blog import LONG, Rig, limit, long, told
from ..rig.load import Load, percentile, within

WORKER = "posts-worker"


@pytest.fixture(scope="module")
def members(rig):
    return rig.members(4)


@contextmanager
def blocked(rig: Rig) -> Iterator[None]:
    if rig.real:
        rig.rabbitmq.control("set_vm_memory_high_watermark", "0")
        try:
            yield
        finally:
            rig.rabbitmq.control("set_vm_memory_high_watermark", "0.4")
        return
    with closing(sqlite3.connect(rig.stack.data / "bus.sqlite", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


def said(rig: Rig) -> str:
    """What the worker says of its relay."""
    answer = requests.get(f"http://127.0.0.1:{rig.stack.ports[WORKER]}/readyz", timeout=5)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["checks"]["relay"])


def told_why(rig: Rig) -> list[object]:
    """The reasons in the worker's log."""
    lines = rig.stack.lines(WORKER)
    return [line["reason"] for line in lines if "wait in the outbox" in str(line.get("message"))]


def test_a_bus_that_takes_nothing_is_reported_and_troubles_nobody_who_writes(rig, members):
    began = time.monotonic()
    before = len(told_why(rig))
    with Load(members, long(10, 8), seed=6):
        time.sleep(long(15, 2))
        with blocked(rig):
            since = time.monotonic()
            reported = within(limit(30), lambda: rig.metric(WORKER, "bus_refuses_events"))
            reason = said(rig)
            time.sleep(long(35, 0))
            until = time.monotonic()
        resumed = within(limit(30), lambda: not rig.metric(WORKER, "bus_refuses_events"))
    asked = [each for each in rig.ledger.tries() if each.at > began]
    failed = [each for each in asked if not 200 <= each.status < 300]
    usual, during = rig.ledger.seconds(began, since), rig.ledger.seconds(since, until)
    ratio = percentile(during, 0.5) / percentile(usual, 0.5)
    arrived = rig.check()
    measured = (
        f"{len(asked)} requests, {len(failed)} failed, p50 ×{ratio:.2f}, reported after {reported:.1f} s"
        f" ({reason}), sending again {resumed:.1f} s after, all arrived {arrived:.1f} s after that"
    )
    injected = "memory alarm: publishers blocked" if rig.real else "bus locked"
    told("F6", rig.kind, injected, measured, "unaffected, reported ≤ 30 s, resumes alone")
    assert not failed
    assert ratio <= (3 if LONG else 10)
    assert reported <= limit(30)
    assert reason == (
        "RabbitMQ blocks publishers: it is short of memory or disk"
        if rig.real
        else "embedded bus: database is locked"
    )
    assert told_why(rig)[before:] == [reason] or LONG
