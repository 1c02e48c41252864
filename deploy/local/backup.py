"""`make backup`, `make restore` and `make converge`: each service's own command, for all services in turn."""

import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from .stack import SERVICES, Stack, StackError


class Failed(RuntimeError):
    """A service's command refused; it has said why itself."""


def main() -> int:
    try:
        stack = Stack.asked_for()
        COMMANDS[sys.argv[1]](stack, stack.given)
    except (Failed, StackError) as failed:
        print(f"make {sys.argv[1]}: {failed}", file=sys.stderr)
        return 1
    return 0


def backup(stack: Stack, given: Mapping[str, str]) -> None:
    """Each service while it serves, or those that are named; all of them or, by its exit status, none."""
    folder = Path(given.get("TO") or f"backups/{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}")
    for service in chosen_of(given):
        flask(stack, service, "backup", str(file_of(folder, service)))
    print(f"make backup: {folder} is whole; keep it where only you can read it")


def restore(stack: Stack, given: Mapping[str, str]) -> None:
    """The services that have a file in the folder, or only those that are named."""
    if not given.get("FROM"):
        raise Failed("say FROM=folder")
    folder, chosen = Path(given["FROM"]), chosen_of(given)
    if missing := [name for name in chosen if not file_of(folder, name).exists()]:
        raise Failed(f"{folder} has no backup of {', '.join(missing)}")
    force = ["--force"] * forced(given)
    for service in chosen:
        flask(stack, service, "restore", str(file_of(folder, service)), *force)
    print("make restore: now start the blog, then: make converge")


def converge(stack: Stack, given: Mapping[str, str]) -> None:
    """Every owner says its state again; then every copy is compared with it."""
    for step in ("resend", "audit"):
        with ThreadPoolExecutor(len(SERVICES)) as all_at_once:
            for done in [all_at_once.submit(flask, stack, service, step) for service in SERVICES]:
                done.result()


def chosen_of(given: Mapping[str, str]) -> list[str]:
    """The services that SERVICE names, or all that have a database."""
    chosen = (given.get("SERVICE") or " ".join(SERVICES)).split()
    if others := [name for name in chosen if name not in SERVICES]:
        raise Failed(f"SERVICE={' '.join(others)} has no database; those that have: {', '.join(SERVICES)}")
    return chosen


def forced(given: Mapping[str, str]) -> bool:
    """`FORCE=0` is no consent to lose everything, and `FORCE=yes` may be a mistake."""
    if given.get("FORCE") not in (None, "", "1"):
        raise Failed(f"FORCE={given['FORCE']} is not FORCE=1, which replaces what is in the databases")
    return given.get("FORCE") == "1"


def file_of(folder: Path, service: str) -> Path:
    return folder / f"{service}.backup"


def flask(stack: Stack, service: str, *words: str) -> None:
    """Runs `flask WORDS` of a service; what it says goes to the terminal."""
    command = [sys.executable, "-m", "flask", "--app", f"{service}.app", *words]
    if subprocess.run(command, env=stack.environment(service), check=False).returncode:
        raise Failed(f"{service} failed")


COMMANDS = {"backup": backup, "restore": restore, "converge": converge}

if __name__ == "__main__":
    sys.exit(main())
