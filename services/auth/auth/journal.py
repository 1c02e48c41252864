"""The journal of removals: a file beside the database, in none of its backups. Whoever puts an older backup
back learns from it who is gone since.

A line is the number of an account and a moment, nothing else of a person. A number may stand there twice.
"""

import logging
import os
from datetime import datetime
from pathlib import Path

from chassis.events import iso
from chassis.settings import settings

log = logging.getLogger(__name__)


def note(id: int, at: datetime) -> None:
    """An account is removed. Called after the commit: what is in the journal has happened."""
    path: Path | None = settings.removals_journal
    if path is None:
        return
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            file.write(f"{id} {iso(at)}\n")
    except OSError as error:
        log.error("the journal of removals cannot be written", extra={"reason": error.strerror, "user": id})


def known() -> set[int]:
    """Everybody in it, and in those beside it: where processes write over a network, each has a file of its
    own. A line that was cut off by a full disk says nothing.
    """
    path: Path | None = settings.removals_journal
    if path is None:
        return set()
    files = [file for file in {path, *path.parent.glob("*.journal")} if file.exists()]
    lines = [line.split() for file in files for line in file.read_text().splitlines()]
    return {int(words[0]) for words in lines if len(words) == 2 and words[0].isdecimal()}
