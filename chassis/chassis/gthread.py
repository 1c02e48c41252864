"""Gunicorn's worker with threads, whose loop answers most requests itself.

Stock gthread gives each request to another thread and gets it back: two threads are woken, and take Python's
lock from each other at every read and write. That costs more than many an answer does. Here the loop answers;
its threads are for what comes while it waits.
"""

import time
from collections import deque
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from .deadlines import line
from .deputy import Deputy
from .loading import Loads
from .metrics import ALONE


class Worker(Loads, ThreadWorker):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._line: deque[Any] = deque()
        self._deputy = Deputy(self._stand_in, lambda: self.method_queue.defer(int))

    def get_thread_pool(self) -> Executor:
        """The loop counts as one of the threads."""
        return ThreadPoolExecutor(max(self.cfg.threads - 1, 1))

    def run(self) -> None:
        self._deputy.start()
        super().run()

    def enqueue_req(self, conn: Any) -> None:
        """Called with each request that is there."""
        conn.joined = time.monotonic()
        if self._deputy.leads:
            super().enqueue_req(conn)
        else:
            self._line.append(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Called by the loop for ever."""
        super().wait_for_and_dispatch_events(0 if self._line else timeout)
        if self._line:
            conn, done, before = self._line.popleft(), Future[Any](), self._deputy.alone
            done.set_result(self._deputy.during(partial(self.handle, conn)))
            ALONE.inc(self._deputy.alone - before)
            self.finish_request(conn, done)

    def _stand_in(self) -> None:
        """The deputy's round. It answers nobody."""
        while self._line:
            super().enqueue_req(self._line.popleft())
        self.notify()
        self.set_accept_enabled(self.alive and self.nr_conns < self.worker_connections)
        super().wait_for_and_dispatch_events(1.0)
        self.murder_keepalived()
        self.murder_pending()

    def handle_request(self, req: Any, conn: Any) -> Any:
        line.joined = conn.joined
        return super().handle_request(req, conn)
