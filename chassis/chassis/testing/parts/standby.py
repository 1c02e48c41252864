"""A hot standby of a private PostgreSQL, kept by streaming, for queries."""

from pathlib import Path

import psycopg
from psycopg import sql

from .failures import PartFailed
from .postgres import Databases, Postgres
from .server import START_LIMIT

# Who has written finds it on the standby at once, and whoever writes waits for that.
PROMISE = {"synchronous_standby_names": "*", "synchronous_commit": "remote_apply"}


class Standby(Postgres):
    """Once it runs, `primary` answers no commit that this one does not show."""

    def __init__(self, folder: Path | str, primary: Postgres) -> None:
        super().__init__(folder)
        Databases.__init__(self, f"postgresql://app:{primary.password}@127.0.0.1:{self.port}")
        self._primary = primary

    def start(self) -> None:
        super().start()
        with psycopg.connect(f"{self._primary.address}/postgres", autocommit=True) as admin:
            for name, value in PROMISE.items():
                admin.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value))
            admin.execute("SELECT pg_reload_conf()")

    def _initialise(self) -> None:
        primary = ("-h", "127.0.0.1", "-p", str(self._primary.port), "-U", "app")
        copied = ("--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync")
        program, data = self._program("pg_basebackup"), self.folder / "data"
        copying = self._run(program, *primary, "-D", data, *copied, PGPASSWORD=self._primary.password)
        if copying.wait(START_LIMIT) != 0:
            raise PartFailed(f"pg_basebackup failed; {self.log} ends with:\n{self._end_of_log()}")
