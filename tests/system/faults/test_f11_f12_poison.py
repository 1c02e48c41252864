"""F11: messages that cannot be handled. F12: a handler that hangs."""

import pickle
import time
import uuid

import pytest

from chassis.bus import Message, open_bus
from chassis.events import Event, iso, new_id, now

from ..rig.blog import LONG, Rig, limit, long, told
from ..rig.checker import soon
from ..rig.load import within

POST = "posts.post_published.v1"


@pytest.fixture
def hasty(rig):
    """In the quick form the worker of social gives up sooner; it reads this when `stubborn` starts it."""
    given = {} if LONG else {"RETRY_WAITS": "[0.3, 1, 5]", "HANG_AFTER": "6"}
    rig.stack.given |= given
    yield
    for name in given:
        del rig.stack.given[name]
    rig.stack.restart("social-worker")


@pytest.fixture(scope="module")
def ann(rig):
    return rig.members(1, patience=5)[0]


def poison() -> list[Message]:
    """What no handler can read."""
    deep = b"[" * 100_000 + b"]" * 100_000
    wrong = Event(POST, "1", 1, {"id": "seven", "author_id": [], "body": 7}, "/test", new_id(), iso(now()))
    unknown = Event("posts.post_eaten.v9", "1", 1, {}, "/test", new_id(), iso(now()))
    bodies = [b"not JSON", b'{"specversion":"1.0"}', b"x" * 2_000_000, deep, pickle.dumps({"id": 1})]
    known = [Message(event.id, event.type, event.to_json()) for event in (wrong, unknown)]
    return [*known, *(Message(str(uuid.uuid4()), POST, body) for body in bodies)]


def put(rig: Rig, *messages: Message) -> None:
    open_bus(rig.stack.environment("social")["BUS_URL"]).send("social", messages)


def parked(rig: Rig, condition: str = "next_try_at IS NULL") -> list[tuple[object, ...]]:
    return rig.books.rows("social", f"SELECT reason, tries, event_id FROM parked WHERE {condition}")


def arrives(rig: Rig, ann) -> float:
    """How long a good event takes to its copy."""
    made = ann.publish(f"text {uuid.uuid4().hex}").made
    card = f"SELECT 1 FROM cards WHERE id = {made} AND version > 0"
    return within(limit(30), lambda: rig.books.rows("social", card))


def stubborn(rig: Rig, ann, action: str) -> str:
    """A good event whose handler always fails, as if there were a mistake in the code. Returns its id, once
    it has failed for the first time: the worker is at work, and its start is in nobody's figures.
    """
    rig.stack.stop("social-worker")
    ann.publish(f"text {uuid.uuid4().hex}")
    event = rig.books.events()
    id = next(each["id"] for each in reversed(event) if each["type"] == POST)
    hit = rig.arm(f"social.consumer.effect@{id}", f"{action} always")
    rig.stack.start("social-worker")
    soon(hit.exists)
    return id


def test_poison_is_parked_with_its_reason_and_good_events_pass_it(rig, ann, hasty):
    """F11."""
    usual = sorted(arrives(rig, ann) for _ in range(5))[2]
    stubborn_one = stubborn(rig, ann, "raise")
    bad = 0
    for _ in range(long(20, 1)):
        put(rig, *(messages := poison()))
        bad += len(messages)
    times, passed, deadline = [], 0, time.monotonic() + limit(60)
    while len(parked(rig)) < bad + 1:  # through every try of the stubborn one
        times.append(arrives(rig, ann))
        passed += bool(parked(rig, f"event_id = '{stubborn_one}' AND next_try_at IS NOT NULL"))
        assert time.monotonic() < deadline
        time.sleep(0.2)
    reasons = {str(reason) for reason, *_ in parked(rig)}
    tries = max(int(str(number)) for _, number, _ in parked(rig))
    rig.disarm()
    replayed = rig.command("social", "dead", "list")
    assert all(reason in replayed for reason in reasons)
    replay(rig)
    assert not parked(rig, f"event_id = '{stubborn_one}'")
    forget_poison(rig)
    rig.check()
    measured = (
        f"all parked after ≤ {tries} tries, {passed} good events passed, taking {max(times) * 1000:.0f} ms"
        f" at most ({usual * 1000:.0f} usually), replayed by one command"
    )
    told("F11", rig.kind, f"{bad + 1} poisonous messages", measured, "≤ 6 tries, delay < 1 s")
    assert tries <= 6
    assert passed
    assert max(times) - usual < limit(1)


def replay(rig: Rig) -> None:
    """`flask dead retry --all` says which stay parked: here those that nobody could read."""
    with pytest.raises(AssertionError, match="still parked"):
        rig.command("social", "dead", "retry", "--all")


def forget_poison(rig: Rig) -> None:
    with rig.books.engines["social"].begin() as connection:
        connection.exec_driver_sql("DELETE FROM parked")


def test_a_handler_that_hangs_is_replaced_and_the_rest_goes_on(rig, ann, hasty):
    """F12."""
    stubborn(rig, ann, "sleep 3600")
    began = time.monotonic()
    arrives(rig, ann)
    replaced = time.monotonic() - began
    rig.disarm()
    arrived = rig.check(within=limit(60))
    measured = f"replaced, and the rest handled, after {replaced:.1f} s; its event {arrived:.1f} s after that"
    told("F12", rig.kind, "a handler that hangs", measured, "≤ 30 s")
    assert replaced <= limit(30)
    assert rig.stack.alive("social-worker")
