"""The journal of removals: a file beside the database, in none of its backups. Whoever puts an older backup
back learns from it who is gone since.

A line is the number of an account and a moment, nothing else of a person. A number may stand there twice.
Lines may be empty: whatever a full disk has cut off ends where the next entry begins.
"""

import logging
import os
import re
from datetime import datetime
from pathlib import Path

from chassis.events import iso
from chassis.settings import settings

log = logging.getLogger(__name__)
ENTRY = re.compile(r"(\d{1,18}) \S+", re.ASCII)


def note(id: int, at: datetime) -> None:
    """An account is removed. Called after the commit: what is in the journal has happened."""
    path: Path | None = settings.removals_journal
    if path is None:
        return
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            file.write(f"\n{id} {iso(at)}\n")
    except OSError as error:
        log.error("the journal of removals cannot be written", extra={"reason": error.strerror, "user": id})


def known() -> set[int]:
    """Everybody in it, and in those beside it: where processes write over a network, each has a file of its
    own. Raises `OSError`.
    """
    path: Path | None = settings.removals_journal
    if path is None:
        return set()
    files = [file for file in {path, *path.parent.glob("*.journal")} if file.exists()]
    return {id for file in files for id in entries(file)}


def entries(file: Path) -> set[int]:
    """A line that was cut off or damaged says nothing, and keeps no other from being read."""
    lines = [line for line in file.read_text(errors="replace").splitlines() if line]
    found = [entry for line in lines if (entry := ENTRY.fullmatch(line))]
    if strange := len(lines) - len(found):
        log.error("lines of the journal of removals are damaged", extra={"file": file.name, "lines": strange})
    return {int(entry[1]) for entry in found}
