"""Gunicorn's settings for who mostly waits for others, `-c python:chassis.gunicorn_evented`.

One event loop: a slow client, or a service that takes its time, costs it a socket and nothing else. The
application is not loaded before the fork, because gevent must patch first.
"""

import logging
from typing import Any

from .gunicorn import *  # noqa: F403

worker_class = "chassis.evented.EventedWorker"
worker_connections = 2000
preload_app = False


def worker_exit(server: Any, worker: Any) -> None:
    logging.shutdown()
    # Or else the interpreter, at its own end, takes a lock that gevent has put into logging and that is gone.
    logging._handlerList.clear()  # type: ignore[attr-defined]
