"""The gateway as it runs: a real process, and what it answered."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

from chassis.testing.parts import free_port
from chassis.testing.polling import eventually

from .neighbours import PATIENCE, SECRET, Auth, Person, Service


@dataclass
class Got:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> dict[str, Any]:
        """The problem body; every one of them must be whole."""
        told = self.json()
        assert self.headers["Content-Type"] == "application/problem+json"
        assert told["status"] == self.status
        assert told["request_id"] == self.headers["X-Request-Id"]
        assert {"type", "title", "detail", "instance", "error", "message"} <= told.keys()
        return told


@dataclass
class Site:
    """A gateway process and the services behind it."""

    auth: Auth = field(default_factory=Auth)
    posts: Service = field(default_factory=Service)
    social: Service = field(default_factory=Service)
    web: Service = field(default_factory=Service)
    settings: dict[str, str] = field(default_factory=dict)

    def start(self, ready: bool = True) -> None:
        self.port, self.ops_port = free_port(), free_port()
        environment = os.environ | {
            "PORT": str(self.port), "OPS_PORT": str(self.ops_port), "PUBLIC_URL": f"http://localhost:{self.port}",
            "AUTH_URL": self.auth.url, "POSTS_URL": self.posts.url, "SOCIAL_URL": self.social.url,
            "WEB_URL": self.web.url,
            "INTERNAL_SECRET": SECRET, "CHANGES_SECONDS": "0.1", "FLASK_CONFIG": "testing", **self.settings,
        }  # fmt: skip
        command = [sys.executable, "-m", "gateway.gunicorn", "gateway.app:create_app()"]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines: list[str] = []
        threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True).start()
        eventually(self._ready if ready else self._up)

    def _up(self) -> bool:
        assert self.process.poll() is None, "".join(self.lines)
        try:
            return self.ops("/livez").status == 200
        except OSError:
            return False

    def _ready(self) -> bool:
        return self._up() and self.ops("/readyz").status == 200

    def stop(self, how: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        self.stop()
        for service in (self.auth, self.posts, self.social, self.web):
            with contextlib.suppress(OSError):
                service.stop()

    def ask(self, method: str, target: str, body: bytes | None = None, port: int = 0, **headers: str) -> Got:
        """One request on a connection of its own; `Some_Header=…` becomes Some-Header."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=PATIENCE)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, target, body, {"Connection": "close"} | named)
            got = connection.getresponse()
            return Got(got.status, got.headers, got.read())
        finally:
            connection.close()

    def get(self, target: str, **headers: str) -> Got:
        return self.ask("GET", target, **headers)

    def post(self, target: str, body: bytes, **headers: str) -> Got:
        return self.ask("POST", target, body, **headers)

    def ops(self, target: str) -> Got:
        return self.ask("GET", target, port=self.ops_port)

    def as_(self, person: Person) -> str:
        return f"Bearer {person.token}"

    def raw(self, sent: bytes, end_of_input: bool = True) -> bytes:
        """Bytes in, bytes out, until the gateway hangs up."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            connection.sendall(sent)
            if end_of_input:
                connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def metric(self, line: str) -> float:
        """The value of one line of the metrics, 0 if it is not there yet."""
        text = self.ops("/metrics").body.decode()
        return next(
            (float(one.rpartition(" ")[2]) for one in text.splitlines() if one.startswith(line + " ")), 0.0
        )

    def logged(self, request_id: str) -> dict[str, Any]:
        """The log line of a request."""
        return eventually(lambda: next((json.loads(line) for line in self.lines if request_id in line), None))
