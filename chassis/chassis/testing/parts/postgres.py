"""A private PostgreSQL, and a database of one's own on any."""

import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Self

import psycopg
from psycopg import sql

from .failures import PartFailed, PartMissing
from .server import START_LIMIT, Server, given, patiently

POSTGRES_VARIABLE = "TEST_POSTGRES_URL"
USED = "SELECT 1 FROM pg_stat_activity WHERE datname = %s"
LEAVING = 0.05  # seconds for who has just closed a connection; DROP would look again after twice as long


class Databases:
    """Makes and drops databases on a PostgreSQL server that is up or about to be."""

    _kept: ClassVar[dict[str, psycopg.Connection]] = {}

    def __init__(self, address: str) -> None:
        """`address` is `postgresql://user:password@host:port`, without a database."""
        self.address = address.rstrip("/")

    @classmethod
    def from_environment(cls) -> Self:
        return cls(given(POSTGRES_VARIABLE))

    def url(self, name: str = "postgres") -> str:
        """The address of one database, as SQLAlchemy wants it."""
        return f"{self.address.replace('postgresql://', 'postgresql+psycopg://', 1)}/{name}"

    def database(self, name: str, template: str | None = None) -> str:
        """Creates a database, a copy of `template` if given, and returns its url.

        Its files are copied, not written through the log: a fifth of the time where nothing is synced.
        """
        copied = sql.SQL(" TEMPLATE {} STRATEGY file_copy")
        source = copied.format(sql.Identifier(template)) if template else sql.SQL("")
        self._admin().execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + source)
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drops a database if it is there, and ends the connections to it."""
        admin, until = self._admin(), time.monotonic() + LEAVING
        while admin.execute(USED, [name]).fetchone() and time.monotonic() < until:
            time.sleep(LEAVING / 20)
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def template(self, name: str, fill: Callable[[str], object]) -> str:
        """Makes the template `name` once for all processes: `fill(url)` prepares it. Returns the name."""
        admin = self._admin()
        admin.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        try:
            if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                unfinished = f"{name}_unfinished"
                self.drop(unfinished)
                fill(self.database(unfinished))
                self._finish(admin, unfinished, name)
        finally:
            admin.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])
        return name

    def _finish(self, admin: psycopg.Connection, unfinished: str, name: str) -> None:
        """Nobody may connect from now on: PostgreSQL does not copy a database that is in use."""
        old, new = sql.Identifier(unfinished), sql.Identifier(name)
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [unfinished]
        )
        admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(old, new))
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(new))

    def _admin(self) -> psycopg.Connection:
        """This process's connection, kept because to open one takes half as long as to make a database. It
        commits by itself (databases are not made in transactions). Waits for a starting server.
        """
        kept = self._kept.get(self.address)
        if kept is None or not _usable(kept):
            url = f"{self.address}/postgres"
            kept = patiently(lambda: psycopg.connect(url, autocommit=True), psycopg.OperationalError)
            self._kept[self.address] = kept
        return kept


def _usable(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


class Postgres(Server, Databases):
    """A private PostgreSQL server. It does not sync to disk: data survive a kill, not a power cut."""

    package = "postgresql"
    accounts = ("postgres",)

    def __init__(self, folder: Path | str) -> None:
        Server.__init__(self, folder)
        Databases.__init__(self, f"postgresql://app:{self.password}@127.0.0.1:{self.port}")

    @classmethod
    def require(cls) -> None:
        cls._program("postgres")

    @classmethod
    def _program(cls, name: str) -> Path:
        """Debian keeps the server's programs out of PATH, in a folder for each version."""
        versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
        newest = max(versions, key=lambda path: int(path.parts[4]), default=None)
        found = newest or shutil.which(name)
        if found is None:
            raise PartMissing(f"PostgreSQL is not installed: apt-get install {cls.package}")
        return Path(found)

    def _launch(self) -> None:
        if not (self.folder / "data" / "PG_VERSION").exists():
            self._initialise()
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            "fsync": "off",
            "full_page_writes": "off",
            "dynamic_shared_memory_type": "mmap",  # in its folder: nothing is left of one that is killed
            # Hundreds of short-lived databases would keep its workers busy for nothing.
            "autovacuum": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        place = ("-D", self.folder / "data", "-p", str(self.port))
        self._children = [self._run(self._program("postgres"), *place, *options)]

    def _initialise(self) -> None:
        password = self._own(self.folder / "password", self.password)
        choices = ("-U", "app", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        initdb = self._run(
            self._program("initdb"), "-D", self.folder / "data", f"--pwfile={password}", *choices
        )
        if initdb.wait(START_LIMIT) != 0:
            raise PartFailed(f"initdb failed; {self.log} ends with:\n{self._end_of_log()}")

    def _answers(self) -> bool:
        try:
            psycopg.connect(f"{self.address}/postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _stop_signal(self) -> signal.Signals:
        return signal.SIGINT  # "fast shutdown": does not wait for clients to leave
