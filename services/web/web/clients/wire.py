"""HTTP to one service: kept connections, always a time limit, a rest for a service that keeps failing."""

import socket
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from chassis.breaker import Breaker
from chassis.wire import CONNECT_SECONDS, Answer, Connection, Failed, Silent, Unreachable, message

IDLE_SECONDS = 30.0  # the services keep an idle connection for 75
SAFE = frozenset(("GET", "HEAD"))
GRACE = 0.05  # seconds; for an answer that came in time, while another was waited for


@dataclass(slots=True)
class Asked:
    """A question that is on its way. `kept`: on a connection that the service may just have closed."""

    method: str
    message: bytes
    deadline: float
    connection: Connection
    kept: bool


class Wire:
    """The service at `url` (`http://host:port`). Safe to share between threads."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._address, self._host = (address.hostname or "", address.port or 80), address.netloc
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._breaker = Breaker()

    def send(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None, seconds: float
    ) -> Asked:
        """Asks without waiting for the answer, which must be fetched by `answer`. Raises `Failed`."""
        self._breaker.admit()
        deadline = time.monotonic() + max(seconds, 0.05)
        sent = message(method, path, {"Host": self._host} | headers, body)
        try:
            return self._sent(method, sent, deadline, self._kept())
        except Failed:
            self._breaker.failed()
            raise

    def answer(self, asked: Asked) -> Answer:
        """The whole answer to what was asked. Raises `Failed`."""
        asked.deadline = max(asked.deadline, time.monotonic() + GRACE)
        try:
            answer = self._answer(asked)
            if answer.status >= 500:
                raise Failed(str(answer.status))
        except Failed:
            self._breaker.failed()
            raise
        self._breaker.succeeded()
        return answer

    def _sent(self, method: str, sent: bytes, deadline: float, kept: Connection | None) -> Asked:
        """A read goes out a second time if the service had just closed the connection that was kept."""
        connection = kept or self._new()
        try:
            connection.send(sent, deadline)
        except Failed as failure:
            connection.close()
            if kept and method in SAFE and isinstance(failure, Silent):
                return self._sent(method, sent, deadline, None)
            raise
        return Asked(method, sent, deadline, connection, kept is not None)

    def _answer(self, asked: Asked) -> Answer:
        try:
            answer = asked.connection.answer(asked.method, asked.deadline)
        except Failed as failure:
            asked.connection.close()
            if asked.kept and asked.method in SAFE and isinstance(failure, Silent):
                return self._answer(self._sent(asked.method, asked.message, asked.deadline, None))
            raise
        self._keep(asked.connection, answer.keep)
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
