"""A running blog with so much in it, on either stack, and who is signed in."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import requests

from chassis.testing.parts import Postgres, RabbitMQ, free_ports, part_folder
from deploy.local.stack import OFFSETS, SERVICES, Stack

from .data import PASSWORD, Size, fill
from .meter import Meter

READER = 17
LIMITS = ("SIGN_IN", "REGISTRATION", "MAIL", "WRITES", "READS")
UNLIMITED = {f"LIMIT_{name}": "100000000/minute" for name in LIMITS}  # one machine asks for everybody here


@dataclass
class Bench:
    """`resting` is the CPU that it spends each second while nobody asks, in seconds; `signed_in` how many
    have had their turn to sign in; `yardstick` how fast the machine was in each round.
    """

    stack: Stack
    kind: str
    size: Size
    servers: dict[int, str] = field(default_factory=dict)
    resting: float = 0.0
    signed_in: int = 0
    yardstick: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.kind}, {self.size.name}"

    def roots(self) -> dict[int, str]:
        return {self.stack.pid(name): name for name in self.stack.processes} | self.servers

    @property
    def meter(self) -> Meter:
        return Meter(self.roots)

    def servers_cpu(self) -> float:
        """Seconds of CPU of PostgreSQL and RabbitMQ so far."""
        return sum(Meter(lambda: self.servers).cpu().values())

    def token(self, person: int = READER) -> str:
        who = (f"user{person}@example.com", PASSWORD)
        answer = requests.post(f"{self.stack.url}/api/v1/tokens/", auth=who, timeout=20)
        answer.raise_for_status()
        return str(answer.json()["token"])

    def cookie(self, person: int = READER) -> str:
        """A browser's, after the sign-in form."""
        with requests.Session() as browser:
            form = browser.get(f"{self.stack.url}/auth/login", timeout=20).text
            [csrf] = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', form)[:1]
            sent = {"csrf_token": csrf, "email": f"user{person}@example.com", "password": PASSWORD}
            headers = {"Origin": self.stack.url, "Sec-Fetch-Site": "same-origin"}
            answer = browser.post(
                f"{self.stack.url}/auth/login", sent, headers=headers, timeout=20, allow_redirects=False
            )
            assert answer.status_code in (302, 303), answer.text[:500]
            return "; ".join(f"{each.name}={each.value}" for each in browser.cookies)


SERVERS = (Postgres.__name__, RabbitMQ.__name__)


@contextlib.contextmanager
def running(kind: str, size: Size, folder: Path) -> Iterator[Bench]:
    """Prepared, filled and started; everything is gone afterwards."""
    parts, servers = part_folder(), []
    given = {"PATH": os.environ["PATH"], "LOG_LEVEL": "INFO", "FLASKY_ADMIN": "root@example.com"} | UNLIMITED
    try:
        if kind == "real":
            postgres, rabbitmq = Postgres(parts / "postgres"), RabbitMQ(parts / "rabbitmq")
            servers = [postgres, rabbitmq]
            for server in servers:
                server.start()
            given |= {f"{name.upper()}_DATABASE_URL": postgres.database(name) for name in SERVICES}
            given["BUS_URL"] = rabbitmq.url()
        port = free_ports(max(OFFSETS.values()) + 1, OFFSETS.values()).start
        stack = Stack(port, folder / f"{kind}-{size.name}", given)
        stack.prepare()
        fill({name: stack.environment(name)["DATABASE_URL"] for name in SERVICES}, size)
        stack.start()
        stack.ready()
        try:
            yield Bench(
                stack, kind, size, {pid: type(each).__name__ for each in servers for pid in each.pids}
            )
        finally:
            stack.stop()
    finally:
        for server in servers:
            server.kill()
