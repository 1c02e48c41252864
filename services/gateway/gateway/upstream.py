"""One service as the gateway sees it: kept connections, bounded places, a retry budget, a circuit breaker.

All of it runs in one event loop, so nothing here needs a lock.
"""

import time
from urllib.parse import urlsplit

import gevent
from gevent import socket
from gevent.lock import BoundedSemaphore

from chassis.breaker import Breaker
from chassis.wire import CONNECT_SECONDS, Answer, Connection, Failed, Silent, Unreachable, remaining

from . import metrics


class Full(Failed):
    """Every place is taken, and those who came before are waiting for too long already: nothing was sent."""


class RetryBudget:
    """Second tries are at most a tenth of the requests (Google's SRE book, "Handling Overload")."""

    EARNED, MOST = 0.09, 10.0

    def __init__(self) -> None:
        self._left = 1.0

    def earn(self) -> None:
        self._left = min(self._left + self.EARNED, self.MOST)

    def spend(self) -> bool:
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Request:
    """What is sent: the head without its last lines, the body, and whether saying it twice does no harm."""

    __slots__ = ("body", "head", "method", "repeatable")

    def __init__(self, method: str, head: bytes, body: bytes = b"", repeatable: bool = False) -> None:
        self.method, self.head, self.body, self.repeatable = method, head, body, repeatable

    def message(self, deadline: float) -> bytes:
        left = int((deadline - time.monotonic()) * 1000)
        return b"%sX-Deadline-Ms: %d\r\n\r\n%s" % (self.head, max(left, 0), self.body)


class Upstream:
    """A service at `url` (`http://host:port`).

    Args:
        name: what metrics and logs call it.
        places: requests in flight at most.
        waiting: how many more may stand in line for a place.

    The line is as long as the service is quick: who comes is refused at once if, at the pace at which it
    moves, his turn would not come within `TURN` seconds. Whoever joins is served, whoever comes after him.
    """

    TURN, PATIENCE = 1.0, 3.0
    SMOOTH = 0.1  # how much the newest step counts
    IDLE_SECONDS = 30.0  # the services keep an idle connection for 75

    def __init__(self, name: str, url: str, places: int = 32, waiting: int = 64) -> None:
        address = urlsplit(url)
        self.name, self.host = name, address.netloc
        self._address = (address.hostname or "", address.port or 80)
        self._idle: list[Connection] = []
        self._places, self._most_waiting = BoundedSemaphore(places), waiting
        self._line, self._pace, self._moved = 0, 0.0, 0.0
        self._breaker, self._budget = Breaker(metrics.BREAKER.labels(name).set), RetryBudget()

    def ask(self, request: Request, deadline: float) -> Answer:
        """Sends the request and returns the whole answer. Raises a `Failed`.

        Args:
            deadline: on the monotonic clock.
        """
        self._breaker.admit()
        self._take_place(deadline)
        try:
            self._budget.earn()
            answer = self._with_second_try(request, deadline)
        except Failed:
            self._breaker.failed()
            raise
        finally:
            self._give_place_back()
        self._breaker.succeeded()
        return answer

    @property
    def crowded(self) -> bool:
        """Whether somebody who comes now would be refused."""
        if not self._line:
            return self._most_waiting == 0 and self._places.locked()
        turn = (self._line + 1) * self._pace + time.monotonic() - self._moved
        return self._line >= self._most_waiting or turn > self.TURN

    def _take_place(self, deadline: float) -> None:
        if self.crowded:
            raise Full("the line is too long")
        if not self._line and self._places.acquire(blocking=False):
            return
        if not self._line:
            self._moved = time.monotonic()
        self._line += 1
        try:
            if not self._places.acquire(timeout=min(self.PATIENCE, remaining(deadline))):
                raise Full("no place became free in time")
        finally:
            self._line -= 1

    def _give_place_back(self) -> None:
        self._places.release()
        if self._line:
            now = time.monotonic()
            self._pace += self.SMOOTH * (now - self._moved - self._pace)
            self._moved = now

    def _with_second_try(self, request: Request, deadline: float) -> Answer:
        try:
            return self._try(request, deadline, self._kept())
        except (Silent, Unreachable):
            if not request.repeatable or not self._budget.spend():
                raise
        metrics.RETRIES.labels(self.name).inc()
        return self._try(request, deadline, None)

    def _try(self, request: Request, deadline: float, connection: Connection | None) -> Answer:
        started, outcome = time.monotonic(), "failed"
        try:
            connection = connection or self._connected(min(CONNECT_SECONDS, remaining(deadline)))
            connection.send(request.message(deadline), deadline)
            answer = connection.answer(request.method, deadline)
            outcome = "answered"
        finally:  # a killed greenlet, too, leaves a connection that nobody may use again
            self._put_back(connection, keep=outcome == "answered" and answer.keep)
            metrics.tried(self.name, outcome, time.monotonic() - started)
        return answer

    def _connected(self, seconds: float) -> Connection:
        with gevent.Timeout(seconds, Unreachable("connecting took too long")):  # looking the name up included
            try:
                return Connection(socket.create_connection(self._address))
            except OSError as error:
                raise Unreachable(str(error)) from error

    def _put_back(self, connection: Connection | None, keep: bool) -> None:
        if connection is not None and keep:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        elif connection is not None:
            connection.close()

    def _kept(self) -> Connection | None:
        """The connection used last, if the service has not closed it meanwhile."""
        oldest = time.monotonic() - self.IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since > oldest and connection.ready():
                return connection
            connection.close()
        return None
