"""Gunicorn's settings for the gateway: `gunicorn -c python:gateway.gunicorn "gateway.app:create_app()"`.

One event-loop worker: a slow client costs it a socket and nothing else. The application is not loaded before
the fork, because gevent must patch first.
"""

import logging
import os
from typing import Any

from chassis.gunicorn import *  # noqa: F403
from chassis.gunicorn import bind as public

_port = int(os.environ.get("PORT", "8000"))
_ops_port = int(os.environ.get("OPS_PORT") or _port + 10)

bind = [public, f"{os.environ.get('OPS_BIND') or os.environ.get('BIND', '127.0.0.1')}:{_ops_port}"]
worker_class = "gateway.worker.EdgeWorker"
worker_connections = 2000
preload_app = False
keepalive = 15  # also the time a client has for the head of a request
limit_request_fields = 64
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}


def worker_exit(server: Any, worker: Any) -> None:
    """The last word before the process ends: who was seen."""
    if getattr(worker, "wsgi", None) is not None:
        worker.wsgi.close()
    logging.shutdown()
    # Or else the interpreter, at its own end, takes a lock that gevent has put into logging and that is gone.
    logging._handlerList.clear()  # type: ignore[attr-defined]
