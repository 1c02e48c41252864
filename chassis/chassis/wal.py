"""SQLite's write-ahead log, and what was deleted. `secure_delete` overwrites it, but in the log at first: it
stays readable in the file until a checkpoint copies the log there, which SQLite by itself does after so many
pages, however long that takes.

What was moved from one page to another before it was deleted can stay on the first, `secure_delete` or not:
only a file that is written anew (VACUUM) is sure to be without it.
"""

import logging
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

log = logging.getLogger(__name__)
EVERY = 10.0  # seconds
PATIENCE = 0.05  # seconds: while it waits for readers, nobody can write
LARGEST = 64_000_000  # bytes of a file that is written anew at once: nobody can write meanwhile


def checkpoint(path: str | Path) -> None:
    """Copies the log into the file and empties it; not this time if somebody is at it."""
    if not Path(path).exists():
        return
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def ask_for_vacuum(path: str | Path) -> None:
    """Asks for it within the transaction that erases: it is not forgotten if we die, nor done too early,
    because whoever rewrites waits for whoever writes.
    """
    mark_of(path).touch()
    if Path(path).stat().st_size > LARGEST:
        log.warning("erased words may stay in this file until VACUUM is run", extra={"file": str(path)})


def vacuum_if_asked(path: str | Path) -> None:
    """Writes the file anew when somebody was erased from it since; another time if it is in use.

    A file over `LARGEST` is left to its keeper, at a quiet hour: docs/decisions/0013.
    """
    mark = mark_of(path)
    with suppress(FileNotFoundError, sqlite3.Error):  # nobody has asked, or the file is being put back
        asked = mark.stat().st_mtime_ns
        if Path(path).stat().st_size > LARGEST:
            return
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
            connection.execute("VACUUM")
        if mark.stat().st_mtime_ns == asked:
            mark.unlink()


def mark_of(path: str | Path) -> Path:
    return Path(f"{path}.erased")
