"""HTTP to one service: kept connections, always a time limit, a rest for a service that keeps failing."""

import socket
import threading
import time
from urllib.parse import urlsplit

from chassis.wire import CONNECT_SECONDS, Answer, Connection, Failed, Silent, Unreachable, message

IDLE_SECONDS = 30.0  # the services keep an idle connection for 75
SAFE = frozenset(("GET", "HEAD"))


class Breaker:
    """After `FAILURES` failures in a row, one try each `REST` seconds: pages of the others stay quick."""

    FAILURES, REST = 5, 1.0

    def __init__(self) -> None:
        self._failures, self._next_try = 0, 0.0

    def admit(self) -> None:
        if self._failures < self.FAILURES:
            return
        now = time.monotonic()
        if now < self._next_try:
            raise Failed("failed too often")
        self._next_try = now + self.REST

    def note(self, good: bool) -> None:
        self._failures = 0 if good else self._failures + 1
        self._next_try = time.monotonic() + self.REST


class Wire:
    """The service at `url` (`http://host:port`). Safe to share between threads."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._address, self._host = (address.hostname or "", address.port or 80), address.netloc
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._breaker = Breaker()

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None, seconds: float
    ) -> Answer:
        """The whole answer. Raises `Failed` when there is none within the time, or only a 5xx."""
        self._breaker.admit()
        deadline = time.monotonic() + max(seconds, 0.05)
        sent = message(method, path, {"Host": self._host} | headers, body)
        try:
            answer = self._patiently(method, sent, deadline)
            if answer.status >= 500:
                raise Failed(str(answer.status))
        except Failed:
            self._breaker.note(good=False)
            raise
        self._breaker.note(good=True)
        return answer

    def _patiently(self, method: str, sent: bytes, deadline: float) -> Answer:
        """A read goes out a second time if the service had just closed the connection that was kept."""
        connection = self._kept()
        if connection is not None:
            try:
                return self._try(connection, method, sent, deadline)
            except Silent:
                if method not in SAFE:
                    raise
        return self._try(self._new(), method, sent, deadline)

    def _try(self, connection: Connection, method: str, sent: bytes, deadline: float) -> Answer:
        try:
            connection.send(sent, deadline)
            answer = connection.answer(method, deadline)
        except Failed:
            connection.close()
            raise
        self._keep(connection, answer.keep)
        return answer

    def _new(self) -> Connection:
        try:
            return Connection(socket.create_connection(self._address, CONNECT_SECONDS))
        except OSError as error:
            raise Unreachable(type(error).__name__) from error

    def _keep(self, connection: Connection, good: bool) -> None:
        if not good:
            connection.close()
            return
        connection.idle_since = time.monotonic()
        with self._lock:
            self._idle.append(connection)

    def _kept(self) -> Connection | None:
        """The connection used last, if it is still open and silent."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if time.monotonic() - connection.idle_since < IDLE_SECONDS and connection.ready():
                return connection
            connection.close()
