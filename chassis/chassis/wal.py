"""SQLite's write-ahead log. What is deleted is written over in the log first, and stays readable in the file
until the log is brought into it, which SQLite by itself does after so many pages, however long that takes.
"""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

EVERY = 10.0  # seconds
PATIENCE = 0.05  # seconds: while it waits for readers, nobody can write


def bring_in(path: str | Path) -> None:
    """Empties the log into the file; not this time if somebody is at it."""
    if not Path(path).exists():
        return
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
