"""A tiny application under the real server, and raw connections to it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from chassis.testing.parts import free_port, listens
from chassis.testing.polling import eventually

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


THREADS = 4


APP = """
import os
import threading

GO = threading.Event()

class App:
    def __call__(self, environ, start):
        asked = environ["PATH_INFO"][1:] or "2"
        body = b"" if asked == "unread" else environ["wsgi.input"].read()
        if asked == "go":
            GO.set()
        size = 2 if asked in ("go", "unread") or asked == "wait" and GO.wait(10) else int(asked)
        told = {"Content-Length": size, "X-Body": len(body), "X-Pid": os.getpid()}
        told["X-Thread"] = threading.current_thread().name
        start("200 OK", [(name, str(value)) for name, value in told.items()])
        return [b"x" * size]

app = App()
"""


@contextlib.contextmanager
def serving(folder):
    """A tiny application under the real server: its process and its port."""
    port = free_port()
    (folder / "tiny.py").write_text(APP)
    command = [sys.executable, "-m", "chassis.gunicorn", "tiny:app"]
    search = os.pathsep.join([str(folder), str(Path(__file__).parents[1])])
    environment = os.environ | {"PORT": str(port), "WEB_THREADS": str(THREADS), "PYTHONPATH": search}
    server = subprocess.Popen(command, env=environment)
    try:
        eventually(lambda: listens(port))
        yield server, port
    finally:
        server.send_signal(signal.SIGTERM)
        ended = server.wait(20)
    assert ended == 0


def connect(port):
    return socket.create_connection(("127.0.0.1", port), 10)


def status(connection):
    return connection.recv(65536)[9:12]


def somebody_else_is_answered(port):
    with connect(port) as honest:
        honest.sendall(GET)
        assert status(honest) == b"200"
