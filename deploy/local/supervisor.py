"""Processes under names, each with its own group and its own log: started, asked to end, killed."""

import json
import os
import shlex
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STOP_LIMIT = 25.0  # seconds; gunicorn gives requests under way 20


@dataclass(frozen=True)
class Process:
    """What is run, with which environment, in which tree."""

    command: str
    environment: dict[str, str]
    tree: Path


class Supervisor(ABC):
    """Runs the `processes` that whoever inherits describes; what they say is in `logs`, a file each."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    @abstractmethod
    def processes(self) -> dict[str, Process]: ...

    @property
    @abstractmethod
    def logs(self) -> Path: ...

    def start(self, *names: str) -> None:
        """Starts these processes, or all of them."""
        for name, process in self.processes.items():
            if name in (names or self.processes) and not self.alive(name):
                self._running[name] = self._start(name, process)

    def _start(self, name: str, process: Process) -> subprocess.Popen[bytes]:
        with (self.logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                shlex.split(process.command),
                env=process.environment,
                cwd=process.tree,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def alive(self, name: str) -> bool:
        return name in self._running and self._running[name].poll() is None

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def stop(self, *names: str) -> None:
        """TERM to these processes, or to all of them, and KILL to what does not end in time."""
        chosen = list(names or self._running)
        for name in chosen:
            self._signal(name, signal.SIGTERM)
        deadline = time.monotonic() + STOP_LIMIT
        for name in chosen:
            try:
                self._running[name].wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                self.kill(name)

    def kill(self, name: str) -> None:
        """SIGKILL to a process and its children: nobody gets to say goodbye."""
        self._signal(name, signal.SIGKILL)
        self._running[name].wait()

    def restart(self, name: str) -> None:
        self.stop(name)
        self.start(name)

    def _signal(self, name: str, number: signal.Signals) -> None:
        """To the whole process group; it is there as long as the process has not been waited for."""
        if self.alive(name):
            os.killpg(self._running[name].pid, number)

    def last_lines(self, name: str, count: int = 20) -> str:
        return "\n".join((self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-count:])

    def lines(self, name: str) -> Iterator[dict[str, object]]:
        """The JSON lines that a process has logged."""
        for line in (self.logs / f"{name}.log").read_text(errors="replace").splitlines():
            if line.startswith("{"):
                yield json.loads(line)
