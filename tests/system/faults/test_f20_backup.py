"""F20: backups while people write, services put back to different moments: copies converge within 60 s, and
nothing happens twice.
"""

import os
import random
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from deploy.local.backup import backup, converge, restore
from deploy.local.stack import SERVICES

from ..people import PASSWORD
from ..rig.blog import LONG, Rig, limit, long, told
from ..rig.checker import soon, wrong_copies
from ..rig.load import Load, Member, signs_in, within
from .test_f14_removal import done, revived

RATE = 16.0
EARLY, LATE, NOW = "early", "late", "now"
ALL = [each for each in product((EARLY, LATE, NOW), repeat=len(SERVICES)) if set(each) != {NOW}]


@dataclass
class Past:
    """A blog, its people, and the folders of its backups by their moment; `leaver` was removed after them."""

    rig: Rig
    members: list[Member]
    folders: dict[str, Path]
    leaver: Member


@pytest.fixture(scope="module")
def past(stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"past-{stack}")
    with Rig(stack, folder) as rig:
        *members, leaver = rig.members(5, patience=5)
        leaver.publish("text of somebody who leaves")
        folders = {}
        with Load(members, RATE, seed=20):
            for moment in (EARLY, LATE) if LONG else (EARLY,):
                time.sleep(long(5, 1))
                folders[moment] = folder / moment
                rig.blog.newcomer(moment)
                backup(rig.stack, {"TO": str(folders[moment])})
            time.sleep(long(5, 1))
            rig.blog.newcomer("lost")
            leaves(rig, leaver)
        rig.check()
        yield Past(rig, members, folders, leaver)


def chosen() -> list[tuple[str, ...]]:
    """All 26 in the long form; in the quick one another every day, auth being put back and somebody not."""
    if LONG:
        return ALL
    day = int(os.environ.get("FAULTS_SEED", time.time() // 86_400))
    mixed = [each for each in ALL if each[0] == EARLY and set(each) == {EARLY, NOW}]
    return [random.Random(day).choice(mixed)]


def test_services_put_back_to_different_moments_agree_again(past):
    rig, slowest = past.rig, 0.0
    for moments in chosen():
        before, letters = given(rig), count_letters(rig)
        put_back(past, dict(zip(SERVICES, moments, strict=True)))
        began = time.monotonic()
        converge(rig.stack, {})
        within(limit(60), lambda: not list(wrong_copies(rig.books)) and is_gone(rig, past.leaver))
        slowest = max(slowest, time.monotonic() - began)
        if moments[0] != NOW:
            sign_in_again(past.members)
        after = written(past.members)
        soon(lambda: nothing_unsent(rig))
        assert not after & before, "an id was given twice"
        assert count_letters(rig) == letters, "a mail went out twice"
        assert not [row for name in SERVICES for row in rig.books.rows(name, "SELECT reason FROM parked")]
        within(limit(60), lambda: not list(wrong_copies(rig.books)))
    injected = f"backup under load, {len(chosen())} combinations of {long(3, 2)} moments"
    measured = (
        f"copies right after {slowest:.1f} s at most, no id, mail or session twice, who was removed stays so"
    )
    told("F20", rig.kind, injected, measured, "≤ 60 s, no duplicate effects")


def leaves(rig: Rig, leaver: Member) -> None:
    rig.books.gone.add(leaver.id)
    shown = (leaver.person.email, PASSWORD)
    assert (
        leaver.person.ask("DELETE", "/users/me", json={"password": PASSWORD}, auth=shown).status_code == 202
    )
    soon(lambda: is_gone(rig, leaver))


def is_gone(rig: Rig, leaver: Member) -> bool:
    """In auth, whatever it was put back to, and everywhere else."""
    return done(rig, leaver.id) and not revived(rig, leaver.id)


def nothing_unsent(rig: Rig) -> bool:
    """Which events have been handled is not asked: an inbox that was put back does not know all of them."""
    unsent = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"
    return not any(rig.books.value(service, unsent) for service in SERVICES)


def put_back(past: Past, moments: dict[str, str]) -> None:
    """The runbook's steps: stop, restore, start."""
    stack = past.rig.stack
    stack.stop(*(name for service in moments for name in (service, f"{service}-worker")))
    for moment, folder in past.folders.items():
        if services := [service for service, wanted in moments.items() if wanted == moment]:
            restore(stack, {"FROM": str(folder), "SERVICE": " ".join(services), "FORCE": "1"})
    past.rig.revive()
    stack.ready()


def sign_in_again(members: list[Member]) -> None:
    """Whoever was signed in is so no more."""
    for member in members:
        soon(lambda member=member: member.person.get("/users/me").status_code == 401)
        soon(lambda member=member: signs_in(member.person))


def written(members: list[Member]) -> set[int]:
    """Everybody writes; the ids that this gave."""
    made = [member.publish(f"text of {member.id} afterwards {time.time_ns()}") for member in members]
    assert all(promise.outcome == "done" for promise in made)
    return {promise.made for promise in made}


def given(rig: Rig) -> set[int]:
    """Every id of a post that anybody was ever told."""
    posts = [promise for promise in rig.ledger.promises if promise.kind == "post"]
    return {promise.made for promise in posts if promise.outcome == "done"}


def count_letters(rig: Rig) -> int:
    return len(list((rig.stack.data / "mail").glob("*.eml")))
