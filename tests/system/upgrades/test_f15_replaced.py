"""F15: every process is replaced by a new one, again and again, while people read and write: no request
fails, no event is lost.
"""

import os
from collections import Counter

import pytest

from ..rig.blog import told
from ..rig.checker import soon
from ..rig.load import READING, Load
from ..rig.rollout import ended_well

# Rounds, requests in all, requests a second. `make test` has one round of the same; `make rolling` the rest.
FORMS = {"": (1, 400, 40.0), "quick": (20, 20_000, 40.0), "long": (20, 100_000, 90.0)}
ROUNDS, REQUESTS, RATE = FORMS[os.environ.get("ROLLING", "")]
LONGEST_ROUND = 600.0


@pytest.fixture(scope="module")
def members(rig):
    """Nobody tries anything twice."""
    return rig.members(8)


def test_nobody_notices_that_every_process_is_replaced(rig, members):
    before, replaced = len(rig.ledger.promises), 0
    with Load(members, RATE, seed=15, mix=READING):
        for number in range(1, ROUNDS + 1):
            leaving = [rig.stack.replace(name) for name in rig.stack.processes]
            assert all(ended_well(old) for old in leaving)
            replaced += len(leaving)
            soon(lambda number=number: asked(rig, before) >= REQUESTS * number / ROUNDS, LONGEST_ROUND)
    tries = [each for promise in rig.ledger.promises[before:] for each in promise.tries]
    failed = Counter(each.status for each in tries if not 200 <= each.status < 400)
    arrived = rig.check(within=60)
    told(
        "F15",
        rig.kind,
        f"TERM and replacement of all 8 processes, {ROUNDS} rounds: {replaced}",
        f"{len(tries)} requests, {failed.total()} failed; nothing lost, all arrived {arrived:.1f} s after",
        "0 failed, 0 lost",
    )
    assert not failed


def asked(rig, before: int) -> int:
    return len(rig.ledger.promises) - before
