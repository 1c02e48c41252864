"""Gunicorn's settings for the gateway: `python -m gateway.gunicorn "gateway.app:create_app()"`."""

import os
from typing import Any

from chassis.gunicorn import PORTS, number, port, run
from chassis.gunicorn_evented import *  # noqa: F403
from chassis.gunicorn_evented import bind as public
from chassis.gunicorn_evented import worker_exit as end

_ops_port = number("OPS_PORT", port + 10, PORTS)

bind = [public, f"{os.environ.get('OPS_BIND') or os.environ.get('BIND', '127.0.0.1')}:{_ops_port}"]  # type: ignore[assignment]
keepalive = 15  # also the time a client has for the head of a request


def worker_exit(server: Any, worker: Any) -> None:  # type: ignore[no-redef]
    """The last word before the process ends: who was seen."""
    if getattr(worker, "wsgi", None) is not None:
        worker.wsgi.close()
    end(server, worker)


if __name__ == "__main__":
    run("gateway.gunicorn")
