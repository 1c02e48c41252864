"""Private PostgreSQL and RabbitMQ servers that tests own and may kill.

`Postgres(folder)` and `RabbitMQ(folder)` run Debian's binaries as direct children of this process, as an
unprivileged user when we are root (PostgreSQL insists), on free ports of 127.0.0.1. Data and logs stay in
the folder, so a server that was killed starts again with what it had. `Databases` and `Vhosts` only need an
address: they hand each test a database or a virtual host of its own, from any process.
"""

import contextlib
import ctypes
import fcntl
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit
from uuid import uuid4

import psycopg
import requests
from psycopg import sql

Answer = TypeVar("Answer")

POSTGRES_VARIABLE = "TEST_POSTGRES_URL"
RABBITMQ_VARIABLE = "TEST_RABBITMQ_URL"
RABBITMQ_API_VARIABLE = "TEST_RABBITMQ_API"

START_LIMIT = 60.0  # seconds; a cold RabbitMQ on a busy machine needs more than ten
POLL = 0.02
SETTLED = 1.5  # seconds; RabbitMQ writes the names of queues to disk one second after the last change
# Below the range from which Linux gives ports to outgoing connections, which could take ours before we do.
PORTS = range(20_000, 32_000)
RESERVED = Path(f"/tmp/test-ports-{os.getuid()}/port")
KEPT: list[contextlib.ExitStack] = []
PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>


class PartMissing(RuntimeError):
    """A server's programs are not installed; the message names the Debian package."""


class PartFailed(RuntimeError):
    """A server did not start; the message holds the end of its log."""


class Databases:
    """Makes and drops databases on a PostgreSQL server that is up or about to be."""

    def __init__(self, address: str) -> None:
        """`address` is `postgresql://user:password@host:port`, without a database."""
        self.address = address.rstrip("/")

    @classmethod
    def from_environment(cls) -> Self:
        return cls(_given(POSTGRES_VARIABLE))

    def url(self, name: str = "postgres") -> str:
        """The address of one database, as SQLAlchemy wants it."""
        return f"{self.address.replace('postgresql://', 'postgresql+psycopg://', 1)}/{name}"

    def database(self, name: str, template: str | None = None) -> str:
        """Creates a database, a copy of `template` if given, and returns its url."""
        source = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
        with self._admin() as admin:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + source)
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drops a database if it is there, and ends the connections to it."""
        with self._admin() as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def template(self, name: str, fill: Callable[[str], object]) -> str:
        """Makes the template `name` once for all processes: `fill(url)` prepares it. Returns the name."""
        with self._admin() as admin:
            admin.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
            if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                unfinished = f"{name}_unfinished"
                self.drop(unfinished)
                fill(self.database(unfinished))
                self._finish(admin, unfinished, name)
        return name

    def _finish(self, admin: psycopg.Connection, unfinished: str, name: str) -> None:
        """Nobody may connect from now on: PostgreSQL does not copy a database that is in use."""
        old, new = sql.Identifier(unfinished), sql.Identifier(name)
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [unfinished]
        )
        admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(old, new))
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(new))

    @contextlib.contextmanager
    def _admin(self) -> Iterator[psycopg.Connection]:
        """An autocommit connection (databases are not made in transactions); waits for a starting server."""
        url = f"{self.address}/postgres"
        with _patiently(
            lambda: psycopg.connect(url, autocommit=True), psycopg.OperationalError
        ) as connection:
            yield connection


class Vhosts:
    """Makes and drops virtual hosts on a RabbitMQ server that is up or about to be, by its management API."""

    def __init__(self, address: str, api: str) -> None:
        """`address` is `amqp://user:password@host:port`, `api` is `http://user:password@host:port`."""
        self.address, self.api = address.rstrip("/"), api.rstrip("/")
        self._http = requests.Session()
        self._http.trust_env = False

    @classmethod
    def from_environment(cls) -> Self:
        return cls(_given(RABBITMQ_VARIABLE), _given(RABBITMQ_API_VARIABLE))

    def url(self, vhost: str = "/") -> str:
        return f"{self.address}/{quote(vhost, safe='')}"

    def vhost(self, name: str = "") -> str:
        """Creates a virtual host (its name is made up unless given) and returns its url."""
        name = name or f"t{uuid4().hex[:12]}"
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self._ask("PUT", f"vhosts/{quote(name, safe='')}", {})
        self._ask("PUT", f"permissions/{quote(name, safe='')}/{urlsplit(self.api).username}", everything)
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drops the virtual host of a url with its queues; the broker closes the connections to it."""
        self._ask("DELETE", f"vhosts/{urlsplit(url).path.removeprefix('/')}")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        def ask() -> requests.Response:
            return self._http.request(method, f"{self.api}/api/{path}", json=body, timeout=START_LIMIT)

        answer = _patiently(ask, requests.ConnectionError)
        if answer.status_code != requests.codes.not_found:
            answer.raise_for_status()


class Server:
    """A server process of our own: start, stop and kill, with every child it has."""

    package = ""
    accounts: tuple[str, ...] = ()

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder).resolve()
        self.port = free_port()
        self.password = secrets.token_urlsafe(12)
        self.log = self.folder / "server.log"
        self._children: list[subprocess.Popen[bytes]] = []

    @property
    def running(self) -> bool:
        return bool(self._children) and self._children[-1].poll() is None

    @property
    def pids(self) -> list[int]:
        """Its processes that we started; theirs are below them."""
        return [child.pid for child in self._children]

    def start(self) -> None:
        """Starts the server and returns when it answers. What an earlier start left in the folder is kept."""
        _adopt_orphans()
        self.require()
        self._own(self.folder)
        try:
            self._launch()
            self._wait_until_it_answers()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Asks the server to end in order, and kills it if that takes more than 15 seconds."""
        family = self._family()
        for child in reversed(self._children):
            child.send_signal(self._stop_signal())
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(15)
        self._bury(family)

    def kill(self) -> None:
        """SIGKILL to the server and its children at once: for the data this is what a power cut is."""
        self._bury(self._family())

    @classmethod
    def require(cls) -> None:
        """Raises PartMissing if the server's programs are not installed."""
        raise NotImplementedError

    def _launch(self) -> None:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _stop_signal(self) -> signal.Signals:
        return signal.SIGTERM

    def _run(self, *command: str | Path, **environment: str) -> subprocess.Popen[bytes]:
        """A child in a session of its own, so that Ctrl-C in the terminal reaches us and not the server."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(part) for part in command],
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(self.folder),
                    "LC_ALL": "C.UTF-8",
                    **environment,
                },
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._identity(),
            )

    def _identity(self) -> dict[str, Any]:
        """Whom a child runs as: ourselves, or an account without rights if we are root."""
        if os.geteuid() != 0:
            return {}
        for name in (*self.accounts, "nobody"):
            with contextlib.suppress(KeyError):
                account = pwd.getpwnam(name)
                return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        raise PartMissing("there is no account without rights to run a server as")

    def _own(self, path: Path, content: str | None = None) -> Path:
        """Makes a folder, or a file with `content`, that belongs to the account the server runs as."""
        if content is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.write_text(content)
        path.chmod(0o700 if content is None else 0o600)
        if identity := self._identity():
            os.chown(path, identity["user"], identity["group"])
            self._check_reachable(path)
        return path

    def _check_reachable(self, path: Path) -> None:
        for parent in path.relative_to(self.folder.anchor).parents:
            above = Path(self.folder.anchor) / parent
            if (
                above != self.folder
                and self.folder not in above.parents
                and not above.stat().st_mode & stat.S_IXOTH
            ):
                raise PartFailed(f"{above} keeps other accounts out; give a folder made by part_folder()")

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while not self._answers():
            if not self.running or time.monotonic() > deadline:
                why = "ended at once" if not self.running else f"did not answer within {START_LIMIT:.0f} s"
                raise PartFailed(f"{type(self).__name__} {why}; {self.log} ends with:\n{self._end_of_log()}")
            time.sleep(POLL)

    def _end_of_log(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def _family(self) -> list[int]:
        return [
            pid
            for child in self._children
            if child.poll() is None
            for pid in (child.pid, *_descendants(child.pid))
        ]

    def _bury(self, family: list[int]) -> None:
        """Kills whoever is left of `family` and waits for each, so that no zombie stays."""
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for child in self._children:
            child.wait()
        for pid in family:
            _reap(pid)
        self._children = []


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
            # Hundreds of short-lived databases would keep its workers busy for nothing.
            "autovacuum": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = (self._program("postgres"), "-D", self.folder / "data", "-p", str(self.port), *options)
        self._children = [self._run(*command)]

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


class RabbitMQ(Server, Vhosts):
    """A private RabbitMQ server with its management API.

    A quorum queue declared less than a second before kill() is lost; `settle()` waits for that. Its stop()
    takes six seconds, five of them in the management plugin: where order does not matter, kill().
    """

    package = "rabbitmq-server"
    accounts = ("rabbitmq",)
    program = Path(
        "/usr/lib/rabbitmq/bin/rabbitmq-server"
    )  # the one in PATH insists on the system's own folders

    def __init__(self, folder: Path | str) -> None:
        Server.__init__(self, folder)
        self.api_port, self.distribution_port, self.epmd_port = free_port(), free_port(), free_port()
        credentials = f"app:{self.password}@127.0.0.1"
        Vhosts.__init__(self, f"amqp://{credentials}:{self.port}", f"http://{credentials}:{self.api_port}")

    @classmethod
    def require(cls) -> None:
        if not cls.program.exists() or shutil.which("epmd") is None:
            raise PartMissing(f"RabbitMQ is not installed: apt-get install {cls.package}")

    def _launch(self) -> None:
        settings = {
            "listeners.tcp.1": f"127.0.0.1:{self.port}",
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": self.api_port,
            "management_agent.disable_metrics_collector": "true",
            "default_user": "app",
            "default_pass": self.password,
            "disk_free_limit.absolute": "50MB",
        }
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        self._own(self.folder / "rabbitmq.conf", lines)
        self._own(self.folder / "enabled_plugins", "[rabbitmq_management].\n")
        # epmd, Erlang's port mapper, would otherwise start as a daemon that outlives us.
        epmd = self._run("epmd", "-port", str(self.epmd_port), "-address", "127.0.0.1")
        self._children = [epmd, self._run(self.program, **self._environment())]

    def _environment(self) -> dict[str, str]:
        return {
            "RABBITMQ_NODENAME": f"t{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # The start script then becomes the server instead of staying in front of it, so it is our child.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def control(self, *words: str) -> None:
        """`rabbitmqctl WORDS`."""
        done = self._run(self.program.with_name("rabbitmqctl"), *words, **self._environment())
        if done.wait(START_LIMIT) != 0:
            raise PartFailed(f"rabbitmqctl {words[0]}; {self.log} ends with:\n{self._end_of_log()}")

    def settle(self) -> None:
        """Waits until all queues declared so far would survive kill(): they are noted with a delay."""
        node = f"t{self.port}@localhost"
        queues = self.folder / "mnesia" / node / "quorum" / node / "names.dets"
        while time.time() - queues.stat().st_mtime < SETTLED:
            time.sleep(POLL)

    def _answers(self) -> bool:
        return all(listens(port) for port in (self.port, self.api_port))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, ours until this process ends."""
    return free_ports(1)[0]


def free_ports(width: int, wanted: Container[int] | None = None) -> range:
    """So many neighbouring ports, of which those `wanted` (counted from the first; by default all) are free.

    They are reserved by locks that every test process of this machine respects: whoever is given a port
    listens on it only seconds later, and another must not be given it meanwhile.
    """
    for first in random.sample(range(PORTS.start, PORTS.stop - width), 200):
        ports = [first + offset for offset in range(width) if wanted is None or offset in wanted]
        if reserve(ports):
            return range(first, first + width)
    raise PartFailed("no free port found")


def reserve(ports: Iterable[int]) -> bool:
    """Takes all of them or none."""
    with contextlib.ExitStack() as taken:
        for port in ports:
            RESERVED.parent.mkdir(exist_ok=True)
            lock = taken.enter_context(open(RESERVED.with_name(str(port)), "w"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            except OSError:
                return False
        KEPT.append(taken.pop_all())
    return True


def part_folder(root: Path | str = "/tmp") -> Path:
    """A new folder that an account without rights can reach (pytest's own temporary folders keep it out)."""
    folder = Path(root) / f"parts-{uuid4().hex[:12]}"
    folder.mkdir(mode=0o711, parents=True)
    return folder


def _given(variable: str) -> str:
    if address := os.environ.get(variable):
        return address
    raise PartMissing(f"{variable} is not set: the test run did not start this server")


def _patiently(attempt: Callable[[], Answer], refusal: type[Exception]) -> Answer:
    """The result of `attempt`, repeated while the server refuses because it is still starting."""
    deadline = time.monotonic() + START_LIMIT
    while True:
        try:
            return attempt()
        except refusal:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _adopt_orphans() -> None:
    """Lets us inherit the children of a server we killed, to wait for them: PID 1 does not always do it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _descendants(pid: int) -> list[int]:
    children: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children += map(int, listing.read_text().split())
    return [found for child in children for found in (child, *_descendants(child))]


def _reap(pid: int) -> None:
    """Waits for a killed process, which is our child only once its own parent is gone."""
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(POLL / 10)
