"""The threads of a service, of which few are at work at once while work gets done.

Python runs one thread at a time. Were all that have something to do awake, each would take its lock from the
others at every read and write, and a request would cost up to a fifth more. Those who wait long, for a row
that somebody has locked say, or for news, do not count: others go on in their place.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

FEW = 2
LONG = 0.005  # seconds after which a task counts as one that waits
Result = TypeVar("Result")


class Task:
    def __init__(self, work: Callable[[], Any]) -> None:
        self.future: Future[Any] = Future()
        self._work = work

    def run(self) -> None:
        try:
            result = self._work()
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class Crew(ThreadPoolExecutor):
    """Runs tasks in the order of their coming. Somebody must call `look` every `LONG` seconds while `line` is
    not empty.
    """

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self._most = threads
        self.line: deque[Task] = deque()
        self._began: dict[Task, float] = {}
        self._lock = threading.Lock()

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        task = Task(partial(fn, *args, **kwargs))
        self.line.append(task)
        self.look()
        return task.future

    def look(self) -> None:
        """Lets more go to work if there is work, and those who are at it wait."""
        while task := self._next():
            super().submit(self._work, task)

    def _work(self, task: Task | None) -> None:
        while task:
            task.run()
            task = self._next(task)

    def _next(self, done: Task | None = None) -> Task | None:
        with self._lock:
            now = time.monotonic()
            if done:
                del self._began[done]
            working = sum(now - began < LONG for began in self._began.values())
            if not self.line or working >= FEW or len(self._began) >= self._most:
                return None
            task = self.line.popleft()
            self._began[task] = now
            return task
