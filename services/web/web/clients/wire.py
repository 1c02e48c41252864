"""HTTP to one service: kept connections, always a time limit, a rest for a service that keeps failing.

`http.client` with a pool of our own costs half of what a general client costs for each call, and a page makes
several.
"""

import http.client
import select
import threading
import time
from typing import NamedTuple
from urllib.parse import urlsplit

CONNECT_SECONDS = 0.5
IDLE_SECONDS = 30.0  # the services keep an idle connection for 75
SAFE = frozenset(("GET", "HEAD"))


class Failed(Exception):
    """No answer that could be used."""


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


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
        self._host, self._port = address.hostname or "", address.port or 80
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []
        self._lock = threading.Lock()
        self._breaker = Breaker()

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None, seconds: float
    ) -> Reply:
        """The whole answer. Raises `Failed` when there is none within the time, or only a 5xx."""
        self._breaker.admit()
        try:
            reply = self._patiently(method, path, headers, body, seconds)
        except Failed:
            self._breaker.note(good=False)
            raise
        self._breaker.note(good=True)
        return reply

    def _patiently(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None, seconds: float
    ) -> Reply:
        """A read goes out a second time if the service had just closed the connection that was kept."""
        connection = self._kept()
        if connection is not None:
            try:
                return self._try(connection, method, path, headers, body, seconds)
            except Failed as failure:
                if method not in SAFE or not isinstance(failure.__cause__, ConnectionError):
                    raise
        return self._try(self._new(), method, path, headers, body, seconds)

    def _try(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
        seconds: float,
    ) -> Reply:
        try:
            connection.sock.settimeout(max(seconds, 0.05))
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            reply = Reply(answer.status, answer.headers, answer.read())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Failed(type(error).__name__) from error
        self._keep(connection, not answer.will_close)
        if reply.status >= 500:
            raise Failed(str(reply.status))
        return reply

    def _new(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_SECONDS)
        try:
            connection.connect()
        except OSError as error:
            raise Failed(type(error).__name__) from error
        return connection

    def _keep(self, connection: http.client.HTTPConnection, good: bool) -> None:
        if not good:
            connection.close()
            return
        with self._lock:
            self._idle.append((time.monotonic(), connection))

    def _kept(self) -> http.client.HTTPConnection | None:
        """The connection used last, if it is still open and silent."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                since, connection = self._idle.pop()
            if time.monotonic() - since < IDLE_SECONDS and not _ended(connection):
                return connection
            connection.close()


def _ended(connection: http.client.HTTPConnection) -> bool:
    """What can be read from an idle connection is its end."""
    return bool(select.select([connection.sock], [], [], 0)[0])
