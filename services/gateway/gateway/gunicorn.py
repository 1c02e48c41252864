"""Gunicorn's settings for the gateway: `gunicorn -c python:gateway.gunicorn "gateway.app:create_app()"`."""

import os
from typing import Any

from chassis.gunicorn_evented import *  # noqa: F403
from chassis.gunicorn_evented import bind as public
from chassis.gunicorn_evented import worker_exit as end

_port = int(os.environ.get("PORT", "8000"))
_ops_port = int(os.environ.get("OPS_PORT") or _port + 10)

bind = [public, f"{os.environ.get('OPS_BIND') or os.environ.get('BIND', '127.0.0.1')}:{_ops_port}"]  # type: ignore[assignment]
keepalive = 15  # also the time a client has for the head of a request


def worker_exit(server: Any, worker: Any) -> None:  # type: ignore[no-redef]
    """The last word before the process ends: who was seen."""
    if getattr(worker, "wsgi", None) is not None:
        worker.wsgi.close()
    end(server, worker)
