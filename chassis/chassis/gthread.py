"""Gunicorn's worker with threads, which also notes since when a request has been waiting for a thread."""

import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from .deadlines import line


class Worker(ThreadWorker):
    def enqueue_req(self, conn: Any) -> None:
        conn.joined = time.monotonic()
        super().enqueue_req(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        line.joined = conn.joined
        return super().handle_request(req, conn)
