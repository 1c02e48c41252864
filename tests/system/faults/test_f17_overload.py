"""F17: five times as many requests as can be served, then as many as before."""

import http.client
import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from ..rig.blog import LONG, Rig, long, told
from ..rig.load import NONE, Member, Promise, Try, percentile, within

WORK = 0.2  # seconds that a write takes here, of which a service does eight at once
CAPACITY = 8 / WORK


@pytest.fixture(scope="module")
def ann(rig):
    [ann] = rig.members(1)
    return ann


def text() -> str:
    return f"text of somebody in a crowd {uuid.uuid4().hex}"


class Crowd:
    """Requests at a fixed rate, whatever becomes of those before; each person of the crowd asks in turn."""

    def __init__(self, member: Member, rate: float, people: int) -> None:
        self.tries: list[Try] = []
        self._member, self._every, self._ending = member, people / rate, threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(each / rate,)) for each in range(people)]

    def _ask(self, later: float) -> None:
        due, client = time.monotonic() + later, Client(self._member)
        while not self._ending.wait(max(due - time.monotonic(), 0)):
            self.tries.append(client.publish())
            due = max(due + self._every, time.monotonic() - self._every)

    def last(self, seconds: float) -> list[Try]:
        for thread in self._threads:
            thread.start()
        time.sleep(seconds)
        self._ending.set()
        for thread in self._threads:
            thread.join()
        return self.tries


class Client:
    """A member on a connection of their own, and as cheap as can be: the crowd must not be what is slow."""

    def __init__(self, member: Member) -> None:
        self._member, address = member, urlsplit(member.person.blog.url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
        self._headers = {
            "Authorization": f"Bearer {member.person.token}",
            "Content-Type": "application/json",
        }

    def publish(self) -> Try:
        body = {"body": text()}
        promise = Promise("post", self._member.id, "POST", "/posts/", body, state=body["body"])
        self._member.ledger.promises.append(promise)
        began = time.monotonic()
        try:
            self._connection.request("POST", "/api/v1/posts/", json.dumps(body), self._headers)
            answer = self._connection.getresponse()
            said, took = answer.read(), time.monotonic() - began
        except (OSError, http.client.HTTPException):
            self._connection.close()
            promise.tries.append(Try(began, time.monotonic() - began, NONE))
            return promise.tries[0]
        found = {name: answer.headers.get(name, "") for name in ("X-Request-Id", "Retry-After")}
        made = json.loads(said) if answer.status == 201 else None
        promise.tries.append(Try(began, took, answer.status, *found.values(), made))
        return promise.tries[0]


@contextmanager
def hard_work(rig: Rig) -> Iterator[None]:
    rig.arm("posts.write.parsed", f"sleep {WORK} always")
    yield
    rig.disarm()


def goodput(tries: list[Try], seconds: float) -> float:
    return sum(each.status == 201 for each in tries) / seconds


def test_overload_is_refused_at_once_and_the_rest_is_served_as_before(rig, ann):
    seconds = long(30, 3)
    usual = percentile([ann.publish(text()).tries[-1].seconds for _ in range(10)], 0.5)
    with hard_work(rig):
        peak = goodput(Crowd(ann, CAPACITY * 1.2, 24).last(seconds), seconds + 2 * WORK)
        began = time.monotonic()
        tries = Crowd(ann, CAPACITY * 5, 320).last(seconds)
        took = time.monotonic() - began
    healthy = within(20, lambda: ann.publish(text()).tries[-1].seconds < 3 * usual + 0.1)
    arrived = rig.check()
    good = goodput(tries, took)
    refused = [each for each in tries if each.status == 503]
    waited = [each.seconds for each in refused]
    kept = [each.seconds for each in tries if each.status == 201]
    inside = [each["ms"] for each in rig.stack.lines("gateway") if each.get("status") == 503][-len(refused) :]
    measured = (
        f"goodput {good / peak * 100:.0f} % of the peak ({peak:.0f}/s) while {len(tries) / took:.0f}/s came,"
        f" {len(refused)} refused: p50 {percentile(waited, 0.5) * 1000:.0f} ms,"
        f" p99 {percentile(waited, 0.99) * 1000:.0f} ms ({percentile(inside, 0.99):.0f} ms in the gateway),"
        f" served within {max(kept):.1f} s, normal {healthy:.1f} s after, all arrived {arrived:.1f} s after"
    )
    told("F17", rig.kind, "5 × capacity", measured, "≥ 80 %, refusals < 50 ms with Retry-After, ≤ 10 s")
    assert {each.status for each in tries} <= ({201, 503} if LONG else {201, 503, 504})
    assert refused
    assert all(each.retry_after for each in refused)
    assert good >= (0.8 if LONG else 0.6) * peak
    assert percentile(waited, 0.99 if LONG else 0.5) < 0.05 if LONG else percentile(inside, 0.5) < 50
    assert healthy <= 10
