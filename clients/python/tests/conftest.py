"""A small real server that says what each test needs."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from flasky_client import Flasky


@dataclass
class Server:
    """Gives the answers in turn, the last one for ever: (status, body, headers), or None to hang up."""

    answers: list[Any]
    asked: list[Any] = field(default_factory=list)
    url: str = ""
    raw: bytes = b""  # instead of JSON

    def client(self, **options: Any) -> Flasky:
        return Flasky(self.url, "a-token", **({"patience": 5.0} | options))

    def next_answer(self) -> Any:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    told: Server

    def reply(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.told.asked.append((self.command, self.path, dict(self.headers), json.loads(sent or b"null")))
        answer = self.told.next_answer()
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, body, headers = (*answer, {})[:3]
        content = json.dumps(body).encode() if body is not None else self.told.raw
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.close_connection = "Connection" in headers
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = reply

    def log_message(self, *_: Any) -> None:
        """Silent."""


@pytest.fixture
def serving() -> Iterator[Callable[..., Server]]:
    servers: list[ThreadingHTTPServer] = []

    def start(*answers: Any) -> Server:
        told = Server(list(answers))
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Telling", (Handler,), {"told": told}))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        servers.append(server)
        told.url = f"http://127.0.0.1:{server.server_port}"
        return told

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
