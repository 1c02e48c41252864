"""Failpoints: named places of a write and of an event's way, where a test may make a process die, fail or
wait.

Armed only by the environment variable FAILPOINTS, which names a folder; production refuses to start with it.
A file `<application>.<place>` there says what happens at the place: `die` (SIGKILL), `raise` or `sleep 3`;
`<application>.<place>@<detail>` means only the event with this id. It happens once, in one process: the file
is renamed to `….hit` before. With `always` behind it, it happens each time. Idea: FreeBSD's fail(9).
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from flask import current_app

VARIABLE = "FAILPOINTS"
_folder = os.environ.get(VARIABLE, "")


class Failure(Exception):
    """What `raise` raises: like a mistake in the code at that place."""


def reach(place: str, detail: str = "") -> None:
    """The process is at this place now. Costs one look at a name unless armed."""
    if _folder:
        _look(place, detail)


def _look(place: str, detail: str) -> None:
    name = f"{current_app.name}.{place}"
    for armed in (name, f"{name}@{detail}"):
        if action := _taken(Path(_folder, armed)):
            _act(*action, place)


def _taken(path: Path) -> list[str]:
    """What to do, if this process is the one to do it."""
    with suppress(FileNotFoundError):
        hit, action = path.with_name(f"{path.name}.hit"), path.read_text().split()
        if action[-1:] == ["always"]:
            hit.touch()
            return action[:-1]
        path.rename(hit)
        return action
    return []


def _act(action: str, *rest: str) -> None:
    if action == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "sleep":
        time.sleep(float(rest[0]))
    else:
        raise Failure(f"failpoint {rest[-1]}")
