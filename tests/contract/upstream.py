"""A tiny real server that gives one answer and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    method: str
    path: str
    body: Any


@dataclass
class Upstream:
    address: str
    requests: list[Asked] = field(default_factory=list)


@contextmanager
def answering(answer: dict[str, Any]) -> Iterator[Upstream]:
    """Serves `{status, body}` to whatever is asked."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            upstream.requests.append(Asked(self.command, self.path, json.loads(sent) if sent else None))
            content = json.dumps(answer["body"]).encode() if "body" in answer else b""
            self.send_response(answer["status"])
            if content:
                self.send_header("Content-Type", "application/json")
            if answer["status"] != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = reply

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    upstream = Upstream(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    yield upstream
    server.shutdown()
    server.server_close()
    thread.join()
