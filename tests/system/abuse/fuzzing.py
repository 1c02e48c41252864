"""What is sent by the thousand, to whom, and what every answer must be like (A1)."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import requests
from schemathesis import GenerationMode

from bench.meter import Meter

from .roles import contracts
from .site import SERVICES, Site
from .tokens import Mint

PROMISING = ("auth", "posts", "social")
MERGED = Path(__file__).parents[3] / "services/gateway/gateway/static/openapi.json"
MOST_GROWTH = 128.0  # megabytes of one process: code that is used first, large bodies, two hashes at once
PROBLEM = {"type", "title", "status", "detail", "instance", "request_id", "error", "message"}
TRIES = 3
CERTAIN = {"ETag", "Location", "Retry-After"}  # there, and told of, at every answer or none of a status
INSIDES = (b"Traceback", b"sqlalchemy", b"SELECT ", b"psycopg", b"sqlite3", b"site-packages")


@dataclass(frozen=True)
class Operation:
    """One operation of a service, as its document and the gateway's describe it."""

    service: str
    method: str
    path: str

    @property
    def doors(self) -> tuple[str, str]:
        return "gateway", self.service

    def said(self, door: str) -> dict[str, Any]:
        return promised(door)["paths"][self.path][self.method.lower()]

    def headers(self, door: str) -> dict[int, set[str]]:
        """By each status that it may answer the headers that come with it."""
        answers = self.said(door)["responses"].items()
        return {int(status): answer.get("headers", {}).keys() & CERTAIN for status, answer in answers}

    @property
    def modes(self) -> tuple[GenerationMode, ...]:
        """What needs nothing cannot be asked for wrongly; any text may be in a header."""
        parameters = self.said(self.service).get("parameters", ())
        anything = any(each["in"] != "header" for each in parameters) or self.takes
        return tuple(GenerationMode) if anything else (GenerationMode.POSITIVE,)

    @property
    def takes(self) -> dict[str, Any]:
        """The shape of its body; nothing if it has none."""
        body = self.said(self.service).get("requestBody")
        if not body:
            return {}
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        return promised(self.service)["components"]["schemas"][name]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@cache
def promised(door: str) -> dict[str, Any]:
    """The API document of a door."""
    return json.loads(MERGED.read_text()) if door == "gateway" else contracts(door)


def operations(service: str) -> list[Operation]:
    paths = promised(service)["paths"]
    return [Operation(service, method.upper(), path) for path, methods in paths.items() for method in methods]


class Judge:
    """Sends requests of somebody who may do anything, and keeps what should not have been answered."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.sent: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.http = requests.Session()
        self.http.trust_env = False

    @cached_property
    def token(self) -> str:
        """Signed here, with every right and no session, so that nothing that is tried takes it away."""
        return Mint(self.site, self.site.root.id, "root").good()

    def send(self, operation: Operation, path: str, **options: Any) -> Iterator[requests.Response]:
        """The answers of both doors; anything about them that is not as promised is noted."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"} | options.pop(
            "headers", {}
        )
        for door in operation.doors:
            answer = self.patiently(
                operation.method, f"http://127.0.0.1:{self.site.doors[door]}{path}", headers, options
            )
            self.sent[operation.service] += 1
            for complaint in complaints(operation.headers(door), answer):
                self.wrong.append(f"{door} {operation} {path[:200]!r} {str(options)[:500]}: {complaint}")
            yield answer

    def patiently(
        self, method: str, url: str, headers: dict[str, str], options: dict[str, Any]
    ) -> requests.Response:
        """A machine that is busy with other tests may be too slow for a deadline, but not time after time; and a
        connection may end after a body that was too large to be taken.
        """
        for attempt in range(1, TRIES + 1):
            try:
                answer = self.http.request(
                    method, url, headers=headers, timeout=30, allow_redirects=False, **options
                )
            except requests.ConnectionError:
                if attempt == TRIES:
                    raise
            else:
                if answer.status_code not in (503, 504):
                    break
        return answer


def complaints(documented: dict[int, set[str]], answer: requests.Response) -> Iterator[str]:
    """No server error, no status that is not documented, the headers that are, problems as problems, nothing
    of the inside.
    """
    status, body = answer.status_code, answer.content
    if status >= 500:
        yield f"{status} {body[:300]!r}"
    elif status not in documented:
        yield f"{status} is not documented {body[:300]!r}"
    elif (given := {name for name in CERTAIN if name in answer.headers}) != documented[status]:
        yield f"{status} has {sorted(given)}, documented are {sorted(documented[status])}"
    if status >= 400 and not is_problem(answer):
        yield f"{status} is no problem body {body[:300]!r}"
    if status >= 400 and any(word in body for word in INSIDES):
        yield f"{status} tells of the inside {body[:300]!r}"


def is_problem(answer: requests.Response) -> bool:
    if answer.headers.get("Content-Type") != "application/problem+json":
        return False
    found = answer.json()
    return found.keys() >= PROBLEM and found["status"] == answer.status_code


def memory(site: Site) -> dict[str, float]:
    """Megabytes of each process that answers, its children included."""
    stack = site.blog.stack
    return Meter(lambda: {stack.pid(name): name for name in ("gateway", *SERVICES)}).memory()


def growth(site: Site, before: dict[str, float]) -> float:
    """Megabytes by which the process has grown that has grown most."""
    return max(now - before[name] for name, now in memory(site).items())
