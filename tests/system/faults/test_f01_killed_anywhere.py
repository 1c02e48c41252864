"""F1: SIGKILL at each of 15 places of a write: nothing is lost, nothing is doubled."""

import os
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..rig.blog import LONG, Rig, long, told
from ..rig.checker import repeated, soon
from ..rig.load import Member, Promise

WRITE = ["parsed", "begun", "row", "outbox-row", "before-commit", "after-commit", "answer"]
RELAY = ["claimed", "sent", "confirmed", "marked"]
CONSUMER = ["received", "inbox-row", "effect", "before-ack"]
PARTS = {"write": WRITE, "relay": RELAY, "consumer": CONSUMER}
PLACES = [f"{part}.{place}" for part, places in PARTS.items() for place in places]


@dataclass
class Act:
    """Something to be done, by whom it is kept, and who hears of it."""

    owner: str
    hears: str
    do: Callable[[], Promise]


@pytest.fixture(scope="module")
def ann(rig):
    [ann] = rig.members(1, patience=30)
    return ann


@pytest.fixture(scope="module")
def root(rig):
    return Member(rig.blog.administrator(), rig.ledger, patience=30)


def acts(rig: Rig, ann: Member, root: Member) -> dict[str, Act]:
    text = f"text {uuid.uuid4().hex}"
    return {
        "post": Act("posts", "social", lambda: ann.publish(text)),
        "comment": Act("posts", "social", lambda: ann.comment(ann.mine[0], text)),
        "delete": Act("posts", "social", lambda: ann.delete(ann.mine.pop())),
        "follow": Act("social", "social", lambda: ann.follow(ann.others[-1])),
        "role": Act("auth", "posts", lambda: root.administer(ann.others[-1], role(), text[:40])),
    }


def role() -> str:
    return random.choice(["User", "Moderator"])


def cells() -> list[tuple[str, str]]:
    """All 75 of a stack; in the quick form each place once, with another act every day."""
    kinds = ["post", "comment", "follow", "delete", "role"]
    if LONG:
        return [(place, kind) for place in PLACES for kind in kinds]
    day = int(os.environ.get("FAULTS_SEED", time.time() // 86_400))
    return [(place, kinds[(number + number // 5 + day) % 5]) for number, place in enumerate(PLACES)]


def newcomer(rig: Rig, ann: Member) -> None:
    """Somebody to follow and to promote; a follow's consumer is the one that hears of them."""
    ann.others.append(rig.blog.newcomer("new").id)


def ready(rig: Rig, ann: Member, kind: str) -> None:
    while len(ann.mine) < 2:
        ann.publish(f"text {uuid.uuid4().hex}")
    if kind in ("follow", "role"):
        newcomer(rig, ann)
        known = f"SELECT 1 FROM people WHERE id = {ann.others[-1]}"
        soon(lambda: rig.books.rows("social", known) and rig.books.rows("posts", known))


def killed_at(rig: Rig, place: str, kind: str, act: Act, ann: Member) -> None:
    """One cell: arm, act (a caller repeats what was not answered), see the death, start what died again."""
    part = place.partition(".")[0]
    service = act.hears if part == "consumer" else act.owner
    hit = rig.arm(f"{service}.{place}", "die")
    if (part, kind) == ("consumer", "follow"):
        newcomer(rig, ann)  # what is consumed here is that somebody has registered
        buried(rig, hit, "social-worker")
        soon(lambda: rig.books.rows("social", f"SELECT 1 FROM people WHERE id = {ann.others[-1]}"))
    promise = act.do()
    assert promise.outcome == "done", promise.tries
    if part == "write":  # gunicorn replaces its own; and the gateway has repeated what carries a key
        soon(hit.exists)
    elif (part, kind) != ("consumer", "follow"):
        buried(rig, hit, f"{service}-worker")
    if promise.key:
        assert repeated(ann, promise), "the key gave another answer"


def buried(rig: Rig, hit: Path, process: str) -> None:
    soon(hit.exists)
    soon(lambda: not rig.stack.alive(process))
    rig.revive()


def test_a_write_survives_the_death_of_any_process_at_any_place(rig, ann, root):
    chosen, began = cells(), time.monotonic()
    for place, kind in chosen:
        try:
            ready(rig, ann, kind)
            killed_at(rig, place, kind, acts(rig, ann, root)[kind], ann)
            if LONG:
                rig.check()
        except AssertionError as error:
            raise AssertionError(f"killed at {place} of {kind}: {error}") from error
    rig.stack.ready()
    rig.check()
    took = time.monotonic() - began
    told("F1", rig.kind, f"SIGKILL in {len(chosen)} cells", f"{len(chosen)} whole, {took:.0f} s", "all whole")
    assert len(chosen) == long(75, 15)
