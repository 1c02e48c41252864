"""Doorbells: wake a waiting process at once after a commit, instead of letting it look every second.

Two kinds with one promise: `ring` never waits and never fails, a ring while nobody waits is kept, several
rings may count as one.
On PostgreSQL it is LISTEN/NOTIFY. On SQLite it is a named pipe beside the database file.
"""

import os
import select
import stat
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy.engine import URL, make_url

CHANNEL = "outbox"


class Bell(Protocol):
    def wait(self, seconds: float) -> bool:
        """Waits for a ring, at most so long. Tells whether it rang."""

    def close(self) -> None: ...


class Pipe:
    """A named pipe held open by the one who waits."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        self._end = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def wait(self, seconds: float) -> bool:
        rang = bool(select.select([self._end], [], [], seconds)[0])
        if rang:
            with suppress(BlockingIOError):
                os.read(self._end, 65536)
        return rang

    def close(self) -> None:
        os.close(self._end)


def ring(path: Path) -> None:
    """Rings a pipe. Nobody there, or the pipe full of rings already: nothing to do."""
    with suppress(OSError):
        end = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        try:
            if stat.S_ISFIFO(os.fstat(end).st_mode):
                os.write(end, b".")
        finally:
            os.close(end)


class Listen:
    """A connection that listens; made again when it breaks, because a missed ring only costs the next
    sweep.
    """

    def __init__(self, url: URL) -> None:
        import psycopg  # here, so that sites on SQLite do not load it

        self._connect, self._broken = psycopg.connect, psycopg.Error
        self._dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: psycopg.Connection | None = None

    def wait(self, seconds: float) -> bool:
        try:
            if self._connection is None:
                self._connection = self._connect(self._dsn, autocommit=True, connect_timeout=2)
                self._connection.execute(f"LISTEN {CHANNEL}")
                return True
            return any(True for _ in self._connection.notifies(timeout=seconds, stop_after=1))
        except self._broken:
            self.close()
            select.select([], [], [], min(seconds, 0.5))
            return False

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def pipe_beside(database_url: str) -> Path | None:
    """The pipe of an SQLite database; none for a server's."""
    url = make_url(database_url)
    return Path(f"{url.database}.bell") if url.get_backend_name() == "sqlite" and url.database else None


def bell_of(database_url: str) -> Bell:
    path = pipe_beside(database_url)
    return Pipe(path) if path else Listen(make_url(database_url))
