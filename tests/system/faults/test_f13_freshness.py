"""How old what people see may be, and that they are told: the bus is away for a while."""

import time

import pytest

from ..rig.blog import Rig, limit, long, told
from ..rig.load import within
from .test_f03_f07_broker import bus_away

BANNER = "The newest may be missing here"
STALE_AFTER = long(30, 4)  # seconds


@pytest.fixture
def impatient(rig: Rig):
    """Pages say it after a few seconds, so that nobody has to wait for half a minute."""
    for value in (str(STALE_AFTER), ""):
        rig.stack.given["STALE_AFTER"] = value or "30"
        rig.stack.restart("web")
        rig.stack.ready()
        if value:
            yield


@pytest.fixture(scope="module")
def ann(rig: Rig):
    return rig.members(1, patience=5)[0]


def age(ann) -> int:
    """Of ann's timeline, through the gateway."""
    return int(ann.person.get(f"/users/{ann.id}/timeline/").headers.get("X-Freshness", -1))


def page(rig: Rig) -> str:
    return rig.blog.stranger().get(f"{rig.blog.url}/").text


def test_people_are_told_when_news_does_not_arrive_and_no_longer_when_it_does(rig, ann, impatient):
    within(limit(10), lambda: 0 <= age(ann) <= STALE_AFTER and BANNER not in page(rig))
    usual = max(age(ann) for _ in range(5))
    with bus_away(rig):
        appeared = within(limit(STALE_AFTER + 20), lambda: BANNER in page(rig))
        behind = within(limit(STALE_AFTER + 20), lambda: age(ann) > STALE_AFTER)
        status = rig.blog.stranger().get(f"{rig.blog.url}/status", headers={"Accept": "application/json"})
        assert status.json()["status"] == "behind"
        assert ann.read().outcome == "done"
    began = time.monotonic()
    within(limit(20), lambda: BANNER not in page(rig) and 0 <= age(ann) <= STALE_AFTER)
    gone = time.monotonic() - began
    rig.check()
    measured = (
        f"{usual} s old at most before; told {appeared:.1f} s after the bus went, timeline {behind:.1f} s"
        f" later; no longer {gone:.1f} s after it was back"
    )
    told("freshness", rig.kind, f"bus away, limit {STALE_AFTER} s", measured, "told, and no longer told")
    assert 0 <= usual <= limit(STALE_AFTER)
