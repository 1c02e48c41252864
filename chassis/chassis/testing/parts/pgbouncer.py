"""A private PgBouncer in transaction mode, before a private PostgreSQL."""

import shutil
import socket
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from .failures import PartMissing
from .server import Server

SETTINGS = """[databases]
* = host={host} port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
admin_users = {user}
pool_mode = transaction
default_pool_size = 4
"""


class PgBouncer(Server):
    """`address` is that of the server: `postgresql://user:password@host:port`."""

    package = "pgbouncer"
    accounts = ("postgres",)

    def __init__(self, folder: Path | str, address: str) -> None:
        super().__init__(folder)
        self._server = urlsplit(address)

    @classmethod
    def require(cls) -> None:
        if shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin") is None:
            raise PartMissing(f"PgBouncer is not installed: apt-get install {cls.package}")

    def transactions(self) -> dict[str, int]:
        """How many of each database went through it since it was started."""
        server = self._server
        url = f"postgresql://{server.username}:{server.password}@127.0.0.1:{self.port}/pgbouncer"
        with psycopg.connect(url, autocommit=True) as admin:
            rows = admin.execute("SHOW STATS_TOTALS").fetchall()
        return {row[0]: row[1] for row in rows}

    def _launch(self) -> None:
        server = self._server
        users = self._own(self.folder / "users", f'"{server.username}" "{server.password}"\n')
        said = SETTINGS.format(
            host=server.hostname, server=server.port, port=self.port, users=users, user=server.username
        )
        settings = self._own(self.folder / "pgbouncer.ini", said)
        program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin") or "pgbouncer"
        self._children.append(self._run(program, settings))

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False
