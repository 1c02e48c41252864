"""A whole database into a file and back: SQLite by its online backup, PostgreSQL by pg_dump and psql."""

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from .files import Refused

BUSY = 5.0  # seconds
LEAVING_SECONDS = 1.0
EMPTY = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
    EXECUTE format('DROP TABLE %I CASCADE', name);
  END LOOP;
END $$
"""
OTHERS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# What pg_dump writes from 17 on, servers before 17 do not know it, and it says what holds anyway.
UNKNOWN_BEFORE_17 = b"SET transaction_timeout = 0;"
Look = Callable[[sa.Connection], Any]


class Sqlite:
    """The file at the url. Copying it keeps nobody from reading or writing (WAL)."""

    def __init__(self, url: sa.URL) -> None:
        self._path = Path(url.database or "")

    def save(self, content: Path, look: Look) -> Any:
        """Copies the database into `content`; returns what `look` sees in the copy."""
        if not self._path.exists():
            raise Refused(f"there is no database at {self._path}")
        content.touch(mode=0o600)
        with closing(sqlite3.connect(self._path)) as source, closing(sqlite3.connect(content)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        engine = sa.create_engine(f"sqlite:///{content}", poolclass=sa.NullPool)
        with engine.connect() as connection:
            return look(connection)

    def in_use(self) -> bool:
        """Only who is alone can leave WAL mode."""
        if not self._path.exists():
            return False
        with closing(sqlite3.connect(self._path, timeout=0)) as connection:
            try:
                return str(connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0]) != "delete"
            except sqlite3.OperationalError:
                return True

    def load(self, content: Path, mark: str) -> None:
        """Replaces everything in one transaction; `mark` is SQL that comes with it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with (
            closing(sqlite3.connect(content)) as source,
            closing(sqlite3.connect(self._path, timeout=BUSY)) as target,
        ):
            source.executescript(mark)
            source.backup(target)


class Postgresql:
    """The database at the url, by the programs of PostgreSQL's client package."""

    def __init__(self, url: sa.URL) -> None:
        self._url = url

    def _engine(self) -> sa.Engine:
        return sa.create_engine(self._url, poolclass=sa.NullPool, hide_parameters=True)

    def save(self, content: Path, look: Look) -> Any:
        """pg_dump takes the snapshot in which we look."""
        content.touch(mode=0o600)
        with self._engine().connect() as connection:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            snapshot = connection.scalar(sa.text("SELECT pg_export_snapshot()"))
            seen = look(connection)
            kept = ("--format=plain", "--no-owner", "--no-privileges", f"--snapshot={snapshot}")
            self._run("pg_dump", *kept, f"--file={content}")
        return seen

    def in_use(self) -> bool:
        """Looks for a moment: who has just gone is still shown until the server has noticed."""
        deadline = time.monotonic() + LEAVING_SECONDS
        with self._engine().connect() as connection:
            while others := bool(connection.scalar(sa.text(OTHERS))):
                if time.monotonic() > deadline:
                    break
                connection.rollback()  # a transaction sees the same list again and again
                time.sleep(0.05)
        return others

    def load(self, content: Path, mark: str) -> None:
        """Replaces everything in one transaction; `mark` is SQL that comes with it."""
        for_older_servers(content)
        strict = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1")
        steps = (f"--command={EMPTY}", "--file=-", f"--file={content}")
        self._run("psql", *strict, *steps, typed=mark)  # it may be longer than a command line

    def _run(self, name: str, *words: str, typed: str = "") -> None:
        """The password goes by the environment: others on this machine can read command lines."""
        url = self._url
        given = {
            "PGHOST": url.host,
            "PGPORT": url.port,
            "PGUSER": url.username,
            "PGPASSWORD": url.password,
            "PGDATABASE": url.database,
        }
        known = {key: str(value) for key, value in given.items() if value is not None}
        done = subprocess.run(
            [program(name), *words],
            env=os.environ | known,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Refused(f"{name} failed: {' '.join(done.stderr.split())[:300]}")


def for_older_servers(content: Path) -> None:
    """Programs may be newer than the server: those of an image are its Debian's."""
    with content.open("r+b") as file:
        head = file.read(4096)
        file.seek(0)
        file.write(head.replace(UNKNOWN_BEFORE_17, b"--".ljust(len(UNKNOWN_BEFORE_17))))


def program(name: str) -> str:
    """Debian keeps each version's programs in a folder of its own; the newest knows all older ones."""
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = max(versions, key=lambda path: int(path.parts[4]), default=None)
    found = str(newest) if newest else shutil.which(name)
    if not found:
        raise Refused(f"{name} is not installed: it is in Debian's package postgresql-client")
    return found


def database_at(url: str) -> Sqlite | Postgresql:
    parsed = sa.make_url(url)
    return Sqlite(parsed) if parsed.get_backend_name() == "sqlite" else Postgresql(parsed)


def kind_of(url: str) -> str:
    return sa.make_url(url).get_backend_name()
