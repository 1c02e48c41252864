"""Threads that write to one SQLite file take turns."""

import threading
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event as hooks

IN_QUEUE = 0.1  # seconds; a transaction takes a few milliseconds, and whoever has waited so long just looks


class Turns:
    """SQLite has no queue for its lock: who looks at the right moment has it, and one of many may look in
    vain for seconds. So the threads of a process queue up before they look, for a moment at most.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._lock = threading.Lock()
        hooks.listen(engine, "begin", self.begin)
        for ended in ("checkin", "invalidate", "close"):
            hooks.listen(engine, ended, self.end)

    def begin(self, connection: sa.Connection) -> None:
        """Except where each statement is to be a transaction of its own, as in a migration's batches."""
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            if not connection.info.get("turn"):
                connection.info["turn"] = self._lock.acquire(timeout=IN_QUEUE)
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def end(self, _: Any, record: Any, *__: Any) -> None:
        """The connection is back, or broken."""
        if record.info.pop("turn", False):
            self._lock.release()
