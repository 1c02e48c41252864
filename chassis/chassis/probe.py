"""Says whether the process in this container can do its work: `python -I -S probe.py`, for HEALTHCHECK.

It runs every few seconds in every container, so it imports nothing that takes time. The port is the one that
this kind of process tells its health on.
"""

import os
import socket
import sys

PORTS = ("WORKER_PORT", "OPS_PORT", "PORT")
LIMIT = 3.0
REQUEST = b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n"


def wrong() -> str:
    """What keeps the process from its work, or nothing."""
    port = next((os.environ[name] for name in PORTS if os.environ.get(name)), "8000")
    try:
        with socket.create_connection(("127.0.0.1", int(port)), LIMIT) as connection:
            connection.sendall(REQUEST)
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
    except OSError as error:
        return f"port {port}: {error}"
    head, _, body = answer.partition(b"\r\n\r\n")
    return "" if b" 200 " in head.split(b"\r\n")[0] else body.decode(errors="replace") or "no answer"


if __name__ == "__main__":
    sys.exit(wrong() or 0)
