"""A blog whose processes are replaced while it serves, in the steps of a rollout on Kubernetes."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from chassis.testing.parts import free_port
from deploy.local.stack import ADDRESS, OFFSETS, Stack, unready
from deploy.local.supervisor import STOP_LIMIT

from .checker import soon
from .proxy import Proxy

SERVING = ("gateway", "auth", "posts", "social", "web")
NOTICE = 0.3  # seconds in which an old process still takes who was sent to it: preStop's, on a small scale
START_LIMIT = 90.0


class Rollout(Stack):
    """Before each process that serves stands a front, as a Kubernetes Service does: kept connections stay
    where they are, new ones go to whoever is ready. A replacement listens on the other of two ports.
    """

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.fronts = {name: Proxy(self.ports[name], keeps=False) for name in SERVING}
        self.front = self.fronts["posts"]
        self.url = self._at("gateway")
        self._others = {name: free_port() for name in OFFSETS}
        self._replaced: list[subprocess.Popen[bytes]] = []

    def _at(self, name: str) -> str:
        return f"http://{ADDRESS}:{self.fronts[name].port}"

    def replace(self, name: str, tree: Path | None = None) -> subprocess.Popen[bytes]:
        """A new process, perhaps from another tree; once it is ready it takes over, and the old one is told
        to end. Returns that one.
        """
        old = self.beside(name, tree)
        soon(lambda: not unready(self.ports[_ready_at(name)]), START_LIMIT)
        self.take_over(name)
        os.kill(
            old.pid, signal.SIGTERM
        )  # as a container's first process gets it; what it started is told by it
        return old

    def beside(self, name: str, tree: Path | None = None) -> subprocess.Popen[bytes]:
        """Starts a new process that nobody is sent to yet. Returns the old one, which serves on."""
        for each in (name, "gateway-ops") if name == "gateway" else (name,):
            self.ports[each], self._others[each] = self._others[each], self.ports[each]
        old = self._running[name]
        self._replaced.append(old)
        self._running[name] = self._start(name, self.process(name, tree))
        return old

    def take_over(self, name: str) -> None:
        if name in self.fronts:
            self.fronts[name].target = self.ports[name]
            time.sleep(NOTICE)

    def close(self) -> None:
        """Whoever was replaced and has not ended, in an experiment that failed, ends here."""
        for old in (each for each in self._replaced if each.poll() is None):
            os.killpg(old.pid, signal.SIGKILL)
            old.wait()
        for front in self.fronts.values():
            front.__exit__()


def _ready_at(name: str) -> str:
    return "gateway-ops" if name == "gateway" else name


def ended_well(old: subprocess.Popen[bytes]) -> bool:
    """Waits for a process that was told to end: it does so in time, and says that all is well."""
    return old.wait(STOP_LIMIT) == 0
