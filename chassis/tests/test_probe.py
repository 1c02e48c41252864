"""The health check of a container, as its engine runs it."""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from chassis import probe
from chassis.testing.parts import free_port


def probed(**environment):
    command = [sys.executable, "-I", "-S", probe.__file__]
    return subprocess.run(
        command, env={k: str(v) for k, v in environment.items()}, capture_output=True, text=True
    )


@pytest.fixture
def health():
    """A process that tells its health; what it says can be changed."""

    class Handler(BaseHTTPRequestHandler):
        status, body = 200, b"{}"

        def do_GET(self):
            known = self.path == "/readyz"
            self.send_response(type(self).status if known else 404)
            self.end_headers()
            self.wfile.write(type(self).body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Handler.port = server.server_port
    yield Handler
    server.shutdown()


@pytest.mark.parametrize("variable", ["PORT", "OPS_PORT", "WORKER_PORT"])
def test_a_process_that_is_ready_is_healthy(health, variable):
    elsewhere = {"PORT": free_port()} if variable != "PORT" else {}
    assert probed(**elsewhere | {variable: health.port}).returncode == 0


def test_a_process_that_is_not_ready_says_why(health):
    health.status, health.body = 503, b"the database does not answer"
    said = probed(PORT=health.port)
    assert (said.returncode, said.stderr) == (1, "the database does not answer\n")


def test_where_nothing_listens_the_port_is_named():
    port = free_port()
    said = probed(PORT=port)
    assert said.returncode == 1
    assert said.stderr.startswith(f"port {port}: ")
    assert said.stderr.count("\n") == 1
