"""What callers do, at a fixed rate and from a seed; and a ledger of everything they were promised."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import requests

from ..people import Person

NONE = 0  # the status of an answer that never came
AGAIN = (NONE, 502, 503, 504)
PAGES, PATHS = ("/", "/user/{name}", "/explore"), ("/users/{id}", "/users/{id}/timeline/", "/posts/")
READING = {"look": 85, "post": 6, "comment": 4, "follow": 2, "unfollow": 1, "edit": 1, "delete": 1}
MIX = {"post": 40, "comment": 20, "read": 15, "follow": 8, "unfollow": 5, "edit": 7, "delete": 5}


@dataclass(frozen=True)
class Try:
    """One request: when, how long, and what came of it."""

    at: float
    seconds: float
    status: int
    request_id: str = ""
    retry_after: str = ""
    body: Any = None


@dataclass
class Promise:
    """One thing somebody wanted done, with every try of it; `subject` and `state`: what it would change."""

    kind: str
    by: int
    method: str
    path: str
    json: Any = None
    subject: tuple[Any, ...] = ()
    state: Any = None
    key: str = ""
    tries: list[Try] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """`done` (2xx, or a DELETE repeated until 404), `refused` (4xx at the first try) or `unknown`."""
        last = self.tries[-1].status if self.tries else NONE
        gone = last == 404 and self.kind == "delete" and len(self.tries) > 1
        if 200 <= last < 300 or gone:
            return "done"
        return "refused" if 400 <= last < 500 and len(self.tries) == 1 else "unknown"

    @property
    def made(self) -> int:
        """The id that a 201 gave."""
        return int(self.tries[-1].body["id"])


class Ledger:
    """Every promise of an experiment, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.promises: list[Promise] = []
        self.told: set[int] = set()  # errors that one experiment has failed for, so that no other does

    def tries(self) -> list[Try]:
        return [each for promise in self.promises for each in promise.tries]

    def seconds(self, since: float = 0.0, until: float = float("inf")) -> list[float]:
        return sorted(
            each.seconds
            for promise in self.promises
            for each in promise.tries
            if promise.kind != "read" and since <= each.at < until
        )


class Member:
    """Somebody who writes one thing after another. Retries carry the same Idempotency-Key.

    Whoever is not `keyed` sends none. `most_tries` of one thing within `patience`, `pause` seconds apart, or
    as many as an answer asks for, if he `heeds` that.
    """

    def __init__(
        self, person: Person, ledger: Ledger, patience: float = 0.0, others: list[int] | None = None
    ):
        self.person, self.ledger, self.patience = person, ledger, patience
        self.keyed, self.most_tries, self.pause, self.heeds = True, 1_000_000, 0.1, False
        self.others = others or []
        self.mine: list[int] = []
        self.seen: list[int] = []

    @property
    def id(self) -> int:
        return self.person.id

    def publish(self, text: str) -> Promise:
        promise = self._ask("post", "POST", "/posts/", {"body": text}, state=text)
        if promise.outcome == "done":
            self.mine.append(promise.made)
        return promise

    def comment(self, post: int, text: str) -> Promise:
        return self._ask("comment", "POST", f"/posts/{post}/comments/", {"body": text}, state=text)

    def edit(self, post: int, text: str) -> Promise:
        return self._ask("edit", "PUT", f"/posts/{post}", {"body": text}, ("posts", post), text)

    def delete(self, post: int) -> Promise:
        return self._ask("delete", "DELETE", f"/posts/{post}", None, ("posts", post), "")

    def follow(self, id: int) -> Promise:
        return self._ask("follow", "PUT", f"/users/{id}/follow", None, ("follows", self.id, id), True)

    def unfollow(self, id: int) -> Promise:
        return self._ask("unfollow", "DELETE", f"/users/{id}/follow", None, ("follows", self.id, id), False)

    def administer(self, id: int, role: str, name: str) -> Promise:
        change = {"role": role, "name": name}
        return self._ask("role", "PATCH", f"/users/{id}", change, ("users", id), (role, name))

    def read(self) -> Promise:
        return self._ask("read", "GET", f"/users/{self.id}/timeline/")

    def look(self, where: str) -> Promise:
        """At a page, or at what the API gives."""
        path = where.format(id=self.id, name=self.person.username)
        return self._ask("read", "GET", path if where in PATHS else f"{self.person.blog.url}{path}")

    def something(self, chance: random.Random, text: str, mix: Mapping[str, int] = MIX) -> None:
        """One act of the mix."""
        kind = chance.choices(list(mix), list(mix.values()))[0]
        if kind in ("follow", "unfollow") and self.others:
            getattr(self, kind)(chance.choice(self.others))
        elif kind == "comment" and self.mine:
            self.comment(chance.choice(self.mine), text)
        elif kind == "edit" and self.mine:
            self.edit(chance.choice(self.mine), text)
        elif kind == "delete" and len(self.mine) > 3:
            self.delete(self.mine.pop(chance.randrange(len(self.mine))))
        elif kind == "read":
            self.read()
        elif kind == "look":
            self.look(chance.choice(PAGES + PATHS))
        else:
            self.publish(text)

    def _ask(
        self,
        kind: str,
        method: str,
        path: str,
        json: Any = None,
        subject: tuple[Any, ...] = (),
        state: Any = None,
    ) -> Promise:
        key = str(uuid.uuid4()) if method == "POST" and self.keyed else ""
        promise = Promise(kind, self.id, method, path, json, subject, state, key)
        self.ledger.promises.append(promise)
        deadline = time.monotonic() + self.patience
        while True:
            promise.tries.append(self.once(promise))
            over = time.monotonic() > deadline or len(promise.tries) == self.most_tries
            if promise.tries[-1].status not in AGAIN or over:
                return promise
            time.sleep(max(self.pause, self.heeds and float(promise.tries[-1].retry_after or 0)))

    def once(self, promise: Promise) -> Try:
        """Sends it once more."""
        headers = {"Idempotency-Key": promise.key} if promise.key else {}
        began = time.monotonic()
        try:
            answer = self.person.ask(promise.method, promise.path, promise.json, headers=headers)
        except requests.RequestException:
            return Try(began, time.monotonic() - began, NONE)
        took, told = time.monotonic() - began, answer.headers
        body = answer.json() if promise.method != "GET" and answer.content else None
        return Try(
            began, took, answer.status_code, told.get("X-Request-Id", ""), told.get("Retry-After", ""), body
        )


class Load:
    """`with Load(members, rate=20, seed=1):` drives the blog in the background, each member in a thread."""

    def __init__(self, members: list[Member], rate: float, seed: int, mix: Mapping[str, int] = MIX) -> None:
        self._members, self._every, self._seed, self._mix = members, len(members) / rate, seed, mix
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._drive, args=pair) for pair in enumerate(members)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _drive(self, number: int, member: Member) -> None:
        chance, due, count = random.Random(f"{self._seed}.{number}"), time.monotonic(), 0
        while not self._stopping.wait(max(due - time.monotonic(), 0)):
            count += 1
            member.something(chance, f"text {self._seed}-{number}-{count} {uuid.uuid4().hex[:8]}", self._mix)
            due = max(due + self._every, time.monotonic() - 1)


def signs_in(person: Person) -> bool:
    try:
        return bool(person.sign_in())
    except (AssertionError, requests.RequestException):
        return False


def percentile(numbers: list[float], part: float) -> float:
    return sorted(numbers)[min(int(len(numbers) * part), len(numbers) - 1)] if numbers else 0.0


def within(seconds: float, done: Callable[[], Any]) -> float:
    """How long it takes until it is so; polls, and gives up after so many seconds."""
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.02)
    return time.monotonic() - began
