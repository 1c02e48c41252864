"""F17: five times as many requests as can be served, then as many as before."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.local.stack import ROOT

from ..rig.blog import LONG, Rig, limit, long, told
from ..rig.load import Member, Promise, Try, percentile, within

WORK = 0.2  # seconds that a write takes here, of which a service does eight at once
CAPACITY = 8 / WORK


@pytest.fixture(scope="module")
def ann(rig):
    [ann] = rig.members(1)
    return ann


def text() -> str:
    return f"text of somebody in a crowd {uuid.uuid4().hex}"


def crowd(member: Member, rate: float, people: int, seconds: float) -> list[Try]:
    """Requests at a fixed rate, whatever becomes of those before; each person of the crowd asks in turn."""
    asked = {"url": member.person.blog.url, "token": member.person.token}
    asked |= {"rate": rate, "people": people, "seconds": seconds}
    command = [sys.executable, "-m", "tests.system.rig.crowd"]
    done = subprocess.run(
        command, input=json.dumps(asked), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    tries = []
    for line in done.stdout.splitlines():
        text, *told = json.loads(line)
        promise = Promise(
            "post", member.id, "POST", "/posts/", {"body": text}, state=text, tries=[Try(*told)]
        )
        member.ledger.promises.append(promise)
        tries += promise.tries
    return tries


@contextmanager
def hard_work(rig: Rig) -> Iterator[None]:
    rig.arm("posts.write.parsed", f"sleep {WORK} always")
    yield
    rig.disarm()


def lasted(tries: list[Try]) -> float:
    """Seconds from the first question to the last answer."""
    return max(each.at + each.seconds for each in tries) - min(each.at for each in tries)


def goodput(tries: list[Try]) -> float:
    return sum(each.status == 201 for each in tries) / lasted(tries)


def test_overload_is_refused_at_once_and_the_rest_is_served_as_before(rig, ann):
    seconds = long(20, 2)
    usual = percentile([ann.publish(text()).tries[-1].seconds for _ in range(10)], 0.5)
    with hard_work(rig):
        peak = goodput(crowd(ann, CAPACITY * 1.2, 24, seconds))
        tries = crowd(ann, CAPACITY * 5, 320, seconds)
    healthy = within(limit(20), lambda: ann.publish(text()).tries[-1].seconds < 3 * usual + 0.1)
    arrived = rig.check()
    good = goodput(tries)
    refused = [each for each in tries if each.status == 503]
    waited = [each.seconds for each in refused]
    kept = [each.seconds for each in tries if each.status == 201]
    inside = [each["ms"] for each in rig.stack.lines("gateway") if each.get("status") == 503][-len(refused) :]
    measured = (
        f"goodput {good / peak * 100:.0f} % of the peak ({peak:.0f}/s) while {len(tries) / seconds:.0f}/s"
        f" came, {len(refused)} refused: p50 {percentile(waited, 0.5) * 1000:.0f} ms,"
        f" p99 {percentile(waited, 0.99) * 1000:.0f} ms ({percentile(inside, 0.99):.0f} ms in the gateway),"
        f" served within {max(kept):.1f} s, normal {healthy:.1f} s after, all arrived {arrived:.1f} s after"
    )
    told("F17", rig.kind, "5 × capacity", measured, "≥ 80 %, refusals < 50 ms with Retry-After, ≤ 10 s")
    assert {each.status for each in tries} <= ({201, 503} if LONG else {201, 503, 504})
    assert refused
    assert all(each.retry_after for each in refused)
    assert good >= (0.8 if LONG else 0.3) * peak
    assert percentile(waited, 0.99) < 0.05 if LONG else percentile(inside, 0.5) < 500
    assert healthy <= limit(10)
