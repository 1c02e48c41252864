"""A server process of our own: what every part has in common."""

import contextlib
import ctypes
import os
import pwd
import secrets
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from .failures import PartFailed, PartMissing
from .ports import free_port

Answer = TypeVar("Answer")
START_LIMIT = 60.0  # seconds; a cold RabbitMQ on a busy machine needs more than ten
POLL = 0.02
PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>


class Server:
    """A server process of our own: start, stop and kill, with every child it has."""

    package = ""
    accounts: tuple[str, ...] = ()

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder).resolve()
        self.port = free_port()
        self.password = secrets.token_urlsafe(12)
        self.log = self.folder / "server.log"
        self._children: list[subprocess.Popen[bytes]] = []

    @property
    def running(self) -> bool:
        return bool(self._children) and self._children[-1].poll() is None

    @property
    def pids(self) -> list[int]:
        """Its processes that we started; theirs are below them."""
        return [child.pid for child in self._children]

    def start(self) -> None:
        """Starts the server and returns when it answers. What an earlier start left in the folder is kept."""
        adopt_orphans()
        self.require()
        self._own(self.folder)
        try:
            self._launch()
            self._wait_until_it_answers()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Asks the server to end in order, and kills it if that takes more than 15 seconds."""
        family = self._family()
        for child in reversed(self._children):
            child.send_signal(self._stop_signal())
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(15)
        self._bury(family)

    def kill(self) -> None:
        """SIGKILL to the server and its children at once: for the data this is what a power cut is."""
        self._bury(self._family())

    @classmethod
    def require(cls) -> None:
        """Raises PartMissing if the server's programs are not installed."""
        raise NotImplementedError

    def _launch(self) -> None:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _stop_signal(self) -> signal.Signals:
        return signal.SIGTERM

    def _run(self, *command: str | Path, **environment: str) -> subprocess.Popen[bytes]:
        """A child in a session of its own, so that Ctrl-C in the terminal reaches us and not the server."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(part) for part in command],
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self.folder),
                    "LC_ALL": "C.UTF-8",
                    **environment,
                },
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._identity(),
            )

    def _identity(self) -> dict[str, Any]:
        """Whom a child runs as: ourselves, or an account without rights if we are root."""
        if os.geteuid() != 0:
            return {}
        for name in (*self.accounts, "nobody"):
            with contextlib.suppress(KeyError):
                account = pwd.getpwnam(name)
                return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        raise PartMissing("there is no account without rights to run a server as")

    def _own(self, path: Path, content: str | None = None) -> Path:
        """Makes a folder, or a file with `content`, that belongs to the account the server runs as."""
        if content is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.write_text(content)
        path.chmod(0o700 if content is None else 0o600)
        if identity := self._identity():
            os.chown(path, identity["user"], identity["group"])
            self._check_reachable(path)
        return path

    def _check_reachable(self, path: Path) -> None:
        for parent in path.relative_to(self.folder.anchor).parents:
            above = Path(self.folder.anchor) / parent
            if (
                above != self.folder
                and self.folder not in above.parents
                and not above.stat().st_mode & stat.S_IXOTH
            ):
                raise PartFailed(f"{above} keeps other accounts out; give a folder made by part_folder()")

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while not self._answers():
            if not self.running or time.monotonic() > deadline:
                why = "ended at once" if not self.running else f"did not answer within {START_LIMIT:.0f} s"
                raise PartFailed(f"{type(self).__name__} {why}; {self.log} ends with:\n{self._end_of_log()}")
            time.sleep(POLL)

    def _end_of_log(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def _family(self) -> list[int]:
        return [
            pid
            for child in self._children
            if child.poll() is None
            for pid in (child.pid, *descendants(child.pid))
        ]

    def _bury(self, family: list[int]) -> None:
        """Kills whoever is left of `family` and waits for each, so that no zombie stays."""
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for child in self._children:
            child.wait()
        for pid in family:
            reap(pid)
        self._children = []


def part_folder(root: Path | str = "") -> Path:
    """A new folder, among temporary files or in `root`, that an account without rights can reach: one of
    pytest's own keeps it out.
    """
    folder = Path(root or tempfile.gettempdir()) / f"parts-{uuid4().hex[:12]}"
    folder.mkdir(mode=0o711, parents=True)
    return folder


def given(variable: str) -> str:
    if address := os.environ.get(variable):
        return address
    raise PartMissing(f"{variable} is not set: the test run did not start this server")


def patiently(attempt: Callable[[], Answer], refusal: type[Exception]) -> Answer:
    """The result of `attempt`, repeated while the server refuses because it is still starting."""
    deadline = time.monotonic() + START_LIMIT
    while True:
        try:
            return attempt()
        except refusal:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL)


def adopt_orphans() -> None:
    """Lets us inherit the children of a server we killed, to wait for them: PID 1 does not always do it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    children: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children += map(int, listing.read_text().split())
    return [found for child in children for found in (child, *descendants(child))]


def reap(pid: int) -> None:
    """Waits for a killed process, which is our child only once its own parent is gone."""
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(POLL / 10)
