"""The last release of each service in turn, beside the others as they are, and back again; in the long form
also the other way, each as it is beside the last releases of the others. Nobody who uses the blog notices.
"""

import os
from collections import Counter

import pytest

from deploy.release.compat import Trees
from deploy.release.parts import ROOT, Part

from ..rig.blog import told
from ..rig.checker import soon
from ..rig.load import READING, Load
from ..rig.rollout import SERVING, ended_well

LONG = os.environ.get("ROLLING", "") == "long"
RATE = 40.0 if LONG else 20.0
USED = 400 if LONG else 40  # requests that each mixture of versions answers
LONGEST = 120.0  # seconds for them, on a busy machine


@pytest.fixture(scope="module")
def members(rig):
    """Nobody tries anything twice."""
    return rig.members(4)


@pytest.fixture(scope="module")
def last(tmp_path_factory):
    """The tree of a service's last release."""
    trees = Trees(tmp_path_factory.mktemp("released"))

    def tree(service):
        part = Part.named(service)
        return trees.at(part, part.last).tree

    return tree


def mixtures(rig, last):
    """What is replaced, step by step, and by which tree. The quick form has each service on one stack."""
    if not LONG:
        return [(service, tree) for service in SERVING[rig.real :: 2] for tree in (last(service), ROOT)]
    each = [(service, tree) for service in SERVING for tree in (last(service), ROOT)]
    back = [(service, last(service)) for service in SERVING]
    other = [(service, tree) for service in SERVING for tree in (ROOT, last(service))]
    return [*each, *back, *other, *((service, ROOT) for service in SERVING)]


def replaced(rig, service, tree):
    """Each process of a service by one from another tree, which is then used."""
    leaving = [rig.stack.replace(name, tree) for name in rig.stack.processes if name.split("-")[0] == service]
    assert all(ended_well(old) for old in leaving)
    before = len(rig.ledger.promises)
    soon(lambda: len(rig.ledger.promises) >= before + USED, LONGEST)


def test_every_mixture_of_two_releases_serves_as_one(rig, members, last):
    steps, before = mixtures(rig, last), len(rig.ledger.promises)
    with Load(members, RATE, seed=84, mix=READING):
        for service, tree in steps:
            replaced(rig, service, tree)
    tries = [each for promise in rig.ledger.promises[before:] for each in promise.tries]
    failed = Counter(each.status for each in tries if not 200 <= each.status < 400)
    arrived = rig.check(within=60)
    told(
        "N-1",
        rig.kind,
        f"last release and this tree of {', '.join(sorted({name for name, _ in steps}))}: {len(steps)} steps",
        f"{len(tries)} requests, {failed.total()} failed; nothing lost, all arrived {arrived:.1f} s after",
        "0 failed, 0 lost",
    )
    assert len(tries) >= len(steps) * USED
    assert not failed
