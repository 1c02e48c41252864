"""A private RabbitMQ, and a virtual host of one's own on any."""

import shutil
import time
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit
from uuid import uuid4

import requests

from .failures import PartFailed, PartMissing
from .ports import free_port, listens
from .server import POLL, START_LIMIT, Server, given, patiently

RABBITMQ_VARIABLE = "TEST_RABBITMQ_URL"
RABBITMQ_API_VARIABLE = "TEST_RABBITMQ_API"
SETTLED = 1.5  # seconds; RabbitMQ writes the names of queues to disk one second after the last change


class Vhosts:
    """Makes and drops virtual hosts on a RabbitMQ server that is up or about to be, by its management API."""

    def __init__(self, address: str, api: str) -> None:
        """`address` is `amqp://user:password@host:port`, `api` is `http://user:password@host:port`."""
        self.address, self.api = address.rstrip("/"), api.rstrip("/")
        self._http = requests.Session()
        self._http.trust_env = False

    @classmethod
    def from_environment(cls) -> Self:
        return cls(given(RABBITMQ_VARIABLE), given(RABBITMQ_API_VARIABLE))

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

        answer = patiently(ask, requests.ConnectionError)
        if answer.status_code != requests.codes.not_found:
            answer.raise_for_status()


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
