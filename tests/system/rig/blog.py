"""A whole blog for experiments, with servers of its own: everything here may be killed."""

import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import requests

from chassis.testing.parts import Postgres, RabbitMQ, part_folder
from deploy.local.stack import SERVICES, Stack

from ..blogs import ENVIRONMENT, free_block
from ..people import Blog
from .books import Books
from .checker import check, soon
from .load import Ledger, Member
from .proxy import Proxy
from .rollout import Rollout

TWIN = "-twin"
LONG = os.environ.get("FAULTS") == "long"


def long(much: int, little: int) -> int:
    """How often, or how long, in the long form and in the quick one."""
    return much if LONG else little


def limit(seconds: float) -> float:
    """What may be waited for: as it was promised in the long form, which has the machine to itself. The quick
    one runs beside everything else, and only wants to see it come.
    """
    return seconds if LONG else max(seconds * 4, 60.0)


class Detour(Stack):
    """A stack whose gateway reaches posts through a proxy, and whose processes may be there twice."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.front = Proxy(self.ports["posts"])

    def _gateway(self) -> dict[str, str]:
        return super()._gateway() | {"POSTS_URL": f"http://127.0.0.1:{self.front.port}"}

    def start(self, *names: str) -> None:
        super().start(*names)
        for twin in [name for name in self._running if name.endswith(TWIN)]:
            if not names and not self.alive(twin):
                self.start_twin(twin.removesuffix(TWIN))

    def start_twin(self, name: str, tree: Path | None = None) -> None:
        """A second process of the same, on the same port: what replicas are elsewhere. Perhaps from another
        tree, as while a release is rolled out.
        """
        self._running[name + TWIN] = self._start(name + TWIN, self.process(name, tree))

    def end_twins(self) -> None:
        twins = [name for name in self._running if name.endswith(TWIN)]
        self.stop(*twins)
        for name in twins:
            del self._running[name]

    def close(self) -> None:
        self.front.__exit__()

    @property
    def names(self) -> list[str]:
        return list(self._running)

    def listeners(self, name: str) -> int:
        """How many processes listen on the port of this one."""
        wanted = f":{self.ports[name]:04X}"
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
        return sum(words[1].endswith(wanted) and words[3] == "0A" for words in lines)


class Rig:
    """`stack` is "embedded" or "real"; the real one reaches RabbitMQ through `proxy`, and in both the gateway
    reaches posts through `front`.
    """

    kind_of_stack: type[Detour] | type[Rollout] = Detour

    def __init__(self, stack: str, folder: Path) -> None:
        self.kind, self.real = stack, stack == "real"
        self.parts = part_folder()
        self.points = folder / "failpoints"
        self.points.mkdir(parents=True)
        given = ENVIRONMENT | {"FAILPOINTS": str(self.points), "KEYS_AHEAD": "2", "REUSE_PORT": "1"}
        given |= {"AUDIT_EVERY": "0"}  # what an experiment has broken nobody may mend behind its back
        given |= {name: value for name, value in os.environ.items() if name == "PYTHONPATH"}
        servers = self._servers() if self.real else {}
        self.stack = self.kind_of_stack(free_block(), folder / "data", given | servers)
        self.front = self.stack.front
        self.blog = Blog(self.stack)
        self.ledger = Ledger()

    def _servers(self) -> dict[str, str]:
        self.postgres, self.rabbitmq = Postgres(self.parts / "postgres"), RabbitMQ(self.parts / "rabbitmq")
        starts = [threading.Thread(target=server.start) for server in (self.postgres, self.rabbitmq)]
        for start in starts:
            start.start()
        for start in starts:
            start.join()
        self.proxy = Proxy(self.rabbitmq.port)
        address = urlsplit(self.rabbitmq.url())
        through = address._replace(netloc=f"{address.netloc.rpartition(':')[0]}:{self.proxy.port}")
        urls = {f"{name.upper()}_DATABASE_URL": self.postgres.database(name) for name in SERVICES}
        return urls | {"BUS_URL": urlunsplit(through)}

    def __enter__(self) -> Self:
        try:
            self.stack.__enter__()
        except BaseException:
            self.__exit__()
            raise
        self.books = Books.of(self.stack)
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.stop()
        self.stack.close()
        if self.real:
            self.proxy.__exit__()
            self.postgres.kill()
            self.rabbitmq.kill()
        shutil.rmtree(self.parts, ignore_errors=True)

    def members(self, count: int, patience: float = 0.0) -> list[Member]:
        """So many new people who may follow each other."""
        people = [self.blog.member(f"m{number}") for number in range(count)]
        ids = [person.id for person in people]
        for id in ids:  # they are known where they are followed
            soon(lambda id=id: self.books.rows("social", f"SELECT 1 FROM people WHERE id = {id}"))
        return [
            Member(person, self.ledger, patience, [id for id in ids if id != person.id]) for person in people
        ]

    def check(self, within: float = limit(30)) -> float:
        """Everything promised so far, everywhere. Returns the seconds until nothing was on its way."""
        return check(self.stack, self.books, self.ledger, within)

    def arm(self, place: str, action: str) -> Path:
        """`arm("posts.write.row", "die")`; the path returned exists once it has happened."""
        hit = self.points / f"{place}.hit"
        hit.unlink(missing_ok=True)
        fresh = self.points / f".{uuid.uuid4().hex}"
        fresh.write_text(action)
        fresh.rename(self.points / place)
        return hit

    def disarm(self) -> None:
        for path in self.points.iterdir():
            path.unlink(missing_ok=True)

    def revive(self) -> None:
        """Starts again whatever has ended."""
        self.stack.start()

    def command(self, service: str, *words: str) -> str:
        """Runs `flask WORDS` of a service, as a person would; returns what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", f"{service}.app", *words],
            env=self.stack.environment(service) | {"FAILPOINTS": ""},
            cwd=self.stack.tree(service),
            capture_output=True,
            text=True,
            timeout=limit(60),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def metric(self, process: str, name: str) -> float:
        """The sum of a metric of a process, or 0 when it is not there."""
        url = f"http://127.0.0.1:{self.stack.ports[process]}/metrics"
        try:
            lines = requests.get(url, timeout=2).text.splitlines()
        except requests.RequestException:
            return 0.0
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def told(experiment: str, stack: str, injected: str, measured: str, limit: str) -> None:
    """Prints a row of bench/faults.md, and appends it to the file that FAULTS_TABLE names."""
    row = f"| {experiment} | {stack} | {injected} | {measured} | {limit} |"
    print(f"\n{row}")
    if path := os.environ.get("FAULTS_TABLE"):
        with Path(path).open("a") as table:
            table.write(f"{row}\n")


def names(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))
