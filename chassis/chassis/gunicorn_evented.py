"""Gunicorn's settings for who mostly waits for others, `python -m chassis.gunicorn_evented`.

One event loop: a slow client, or a service that takes its time, costs it a socket and nothing else. The
application is not loaded before the fork, because gevent must patch first.
"""

import logging
import resource
from typing import Any

from .gunicorn import *  # noqa: F403
from .gunicorn import run
from .places import MOST

worker_class = "chassis.evented.EventedWorker"
worker_connections = MOST
backlog = 4096  # of a line that is full the newest are lost for a second or three, whoever they are
preload_app = False

# A connection is an open file. Most systems give a process 1,024, of which a thousand silent clients leave
# none for the services, but let it take more.
_soft, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
_wanted = 3 * MOST if _most == resource.RLIM_INFINITY else min(3 * MOST, _most)
if _soft != resource.RLIM_INFINITY and _soft < _wanted:
    resource.setrlimit(resource.RLIMIT_NOFILE, (_wanted, _most))


def worker_exit(server: Any, worker: Any) -> None:
    logging.shutdown()
    # Or else the interpreter, at its own end, takes a lock that gevent has put into logging and that is gone.
    logging._handlerList.clear()  # type: ignore[attr-defined]


if __name__ == "__main__":
    run("chassis.gunicorn_evented")
