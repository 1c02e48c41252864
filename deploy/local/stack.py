"""The blog's processes on one machine: the Procfile's commands, and the environment each of them gets.

`make run` runs them under honcho (run.py); the system tests start, kill and restart them by `Stack` itself,
and run single services from another tree: the release before, or the next one.
"""

import http.client
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from dotenv import dotenv_values
from honcho.environ import parse_procfile

from .supervisor import Process, Supervisor

ROOT = Path(__file__).resolve().parents[2]
ENV_FILE = ROOT / ".env"
SERVICES = ("auth", "posts", "social")
ADDRESS = "127.0.0.1"
LAST_PORT = 65_535
# What each process listens on, counted from PORT; on this machine alone, unless BIND says otherwise.
OFFSETS = {
    "gateway": 0,
    "auth": 1,
    "posts": 2,
    "social": 3,
    "web": 4,
    "gateway-ops": 10,
    "auth-worker": 11,
    "posts-worker": 12,
    "social-worker": 13,
}
OWNERS = {"auth": ("posts",), "posts": ("auth",), "social": ("auth", "posts")}  # whose states they copy
DATABASES = {service: f"{service.upper()}_DATABASE_URL" for service in SERVICES}
SECRETS = ("SECRET_KEY", "WEB_SECRET_KEY", "INTERNAL_SECRET")
DEMO_ADMINISTRATOR = "admin@example.com"
PREPARE_LIMIT = "15"  # seconds to wait for a database or bus that is away
LOCAL_RATE = "1000000/minute"  # everybody is at this one machine, which is nobody to be kept out
POLL = 0.05


class StackError(RuntimeError):
    """The blog cannot run as asked; the message is for the person who asked."""


class Stack(Supervisor):
    """One blog: its public `port`, the folder of its `data`, and the caller's environment."""

    def __init__(self, port: int, data: Path | str, env: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.port = port
        self.data = Path(data).resolve()
        self.url = f"http://{ADDRESS}:{port}"
        self.given = dict(os.environ if env is None else env)
        self.ports = {name: port + offset for name, offset in OFFSETS.items()}
        self.trees: dict[str, Path] = {}  # services whose code is not this tree's

    @classmethod
    def asked_for(cls) -> Self:
        """The one that the caller means, by `.env` and the environment, which wins. Raises `StackError`."""
        given = ({} if is_for_compose(ENV_FILE) else told_by(ENV_FILE)) | os.environ
        return cls(port_from(given.get("PORT") or "8000"), given.get("DATA") or ".run", given)

    def __enter__(self) -> Self:
        self.prepare()
        self.start()
        self.ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def public_url(self) -> str:
        return self.given.get("PUBLIC_URL", f"http://localhost:{self.port}")

    @property
    def administrator(self) -> str:
        return self.given.get("FLASKY_ADMIN", DEMO_ADMINISTRATOR)

    @property
    def logs(self) -> Path:
        return self.data / "log"

    @property
    def processes(self) -> dict[str, Process]:
        return {name: self.process(name) for name in OFFSETS if name != "gateway-ops"}

    def process(self, name: str, tree: Path | None = None) -> Process:
        """The process of this name as it runs from a tree, if not from the one that its service has now."""
        tree = tree or self.tree(name)
        command = parse_procfile((tree / "Procfile").read_text()).processes[name]
        return Process(command, self.environment(name, tree), tree)

    def tree(self, name: str) -> Path:
        return self.trees.get(name.removesuffix("-worker"), ROOT)

    def environment(self, name: str, tree: Path | None = None) -> dict[str, str]:
        """All a process gets: what the caller has, what all share, and what only this one may know."""
        tree = tree or self.tree(name)
        service = name.removesuffix("-worker")
        private = {*DATABASES.values(), "DATABASE_URL", *SECRETS}
        passed = {key: value for key, value in self.given.items() if key not in private}
        own = self._own(service)
        ports = {"PORT": str(self.ports[service])}
        if name != service:
            ports["WORKER_PORT"] = str(self.ports[name])
        code = {} if tree == ROOT else code_of(tree)
        return self._defaults() | passed | own | ports | self._fixed() | code

    def _defaults(self) -> dict[str, str]:
        return {
            "FLASK_CONFIG": "development",
            "LIMIT_READS": LOCAL_RATE,
            "LIMIT_WRITES": LOCAL_RATE,
            "LIMIT_TEXT": "off",
            "PUBLIC_URL": self.public_url,
            "FLASKY_ADMIN": self.administrator,
            "BUS_URL": f"sqlite:///{self.data}/bus.sqlite",
            "KEYS_DIR": str(self.data / "keys"),
            "REMOVALS_JOURNAL": str(self.data / "removals.journal"),
            "JWKS_URL": f"{self._at('auth')}/.well-known/jwks.json",
        }

    def _fixed(self) -> dict[str, str]:
        """`flask` and `gunicorn` are those of this Python, whether or not its environment is activated."""
        programs = f"{Path(sys.executable).parent}{os.pathsep}{self.given.get('PATH', os.defpath)}"
        return {
            "DATA": str(self.data),
            "PATH": programs,
            "PYTHONUNBUFFERED": "1",
            "MALLOC_ARENA_MAX": "2",  # each thread's own heap would keep what it once needed
            "FLASK_SKIP_DOTENV": "1",  # what `.env` says is in `given`, or not for us
        }

    def _own(self, service: str) -> dict[str, str]:
        kinds = {"gateway": self._gateway, "web": self._web, "auth": self._auth}
        return kinds[service]() if service in kinds else self._service(service)

    def _web(self) -> dict[str, str]:
        upstreams = {f"{service.upper()}_URL": self._at(service) for service in SERVICES}
        return upstreams | self._secrets("WEB_SECRET_KEY", "INTERNAL_SECRET")

    def _gateway(self) -> dict[str, str]:
        upstreams = {f"{service.upper()}_URL": self._at(service) for service in (*SERVICES, "web")}
        # A body of a megabyte that was given up goes back to the system, not into a heap full of holes.
        own = {"OPS_PORT": str(self.ports["gateway-ops"]), "MALLOC_MMAP_THRESHOLD_": "131072"}
        return upstreams | own | self._secrets("INTERNAL_SECRET")

    def _auth(self) -> dict[str, str]:
        # A hash takes its memory in pages of two megabytes instead of four kilobytes, and gives it back.
        heap = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4194304"}
        return self._service("auth") | self._secrets("SECRET_KEY") | heap

    def _service(self, service: str) -> dict[str, str]:
        default = f"sqlite:///{self.data}/{service}.sqlite"
        database = {"DATABASE_URL": self.given.get(DATABASES[service], default)}
        owners = {f"{name.upper()}_URL": self._at(name) for name in OWNERS[service]}
        return database | owners | self._secrets("INTERNAL_SECRET")

    def _at(self, name: str) -> str:
        return f"http://{ADDRESS}:{self.ports[name]}"

    def _secrets(self, *names: str) -> dict[str, str]:
        known = {**dotenv_values(self.data / "secrets.env"), **self.given}
        return {name: value for name in names if (value := known.get(name))}

    def prepare(self) -> None:
        """Makes the data folder and its secrets, and lets every service migrate and declare what it needs."""
        self._make_folders()
        started = {service: self._preparing(service) for service in SERVICES}
        try:
            said = {service: process.communicate()[0] for service, process in started.items()}
        finally:
            for process in started.values():
                process.terminate()  # does nothing to one that has ended
                process.wait()
        failed = [
            f"{name} cannot be prepared:\n{said[name]}"
            for name, process in started.items()
            if process.returncode
        ]
        if failed:
            raise StackError("\n".join(failed))

    def _preparing(self, service: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", f"{service}.app", "prepare", "--wait", PREPARE_LIMIT],
            env=self.environment(service),
            cwd=self.tree(service),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _make_folders(self) -> None:
        try:
            for folder in (self.data, self.logs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_secrets(self.data / "secrets.env")
        except OSError as error:
            raise StackError(f"DATA={self.data} cannot be used: {error.strerror}") from None

    def _make_secrets(self, path: Path) -> None:
        """Each once: signed links and sessions must outlive a restart."""
        missing = [name for name in SECRETS if name not in dotenv_values(path)]
        if missing:
            lines = "".join(f"{name}={secrets.token_urlsafe(32)}\n" for name in missing)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
                file.write(lines)

    def ready(self, timeout: float = 60.0) -> None:
        """Returns when every process says it is ready; raises StackError that names those that do not."""
        deadline = time.monotonic() + timeout
        waiting = {name: self.ports[name] for name in OFFSETS if name != "gateway"}
        while waiting:
            answers = {name: wrong for name, port in waiting.items() if (wrong := unready(port))}
            waiting = {name: self.ports[name] for name in answers}
            if waiting and (ended := [name for name in self._running if not self.alive(name)]):
                raise StackError("".join(f"{name} ended:\n{self.last_lines(name)}\n" for name in ended))
            if waiting and time.monotonic() > deadline:
                reasons = "; ".join(f"{name}: {wrong}" for name, wrong in answers.items())
                raise StackError(f"not ready after {timeout:.0f} s: {reasons} (logs: {self.logs})")
            if waiting:
                time.sleep(POLL)


def told_by(file: Path) -> dict[str, str]:
    """What such a file sets to something; nothing if it is not there."""
    return {key: value for key, value in dotenv_values(file).items() if value}


def is_for_compose(file: Path) -> bool:
    """Whether it is a copy of .env.example. A blog on this machine that took its settings would send the
    mails of demo people by the real server, with links to the real site.
    """
    return any(key.startswith("COMPOSE_") or key == "PUBLISH" for key in told_by(file))


def port_from(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= LAST_PORT - 20:
        raise StackError(f"PORT={text} is not a port number between 1 and {LAST_PORT - 20}")
    return int(text)


def code_of(tree: Path) -> dict[str, str]:
    """What makes Python take the chassis and the services of another tree, whatever is installed."""
    paths = [tree, tree / "chassis", tree / "clients/python", *sorted((tree / "services").iterdir())]
    return {"PYTHONPATH": os.pathsep.join(map(str, paths))}


def unready(port: int) -> str:
    """What keeps the process at `port` from being ready, or nothing."""
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return (
            "" if answer.status == http.HTTPStatus.OK else answer.read(500).decode(errors="replace").strip()
        )
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()
