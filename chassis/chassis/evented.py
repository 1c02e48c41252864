"""Gunicorn's gevent worker, for who mostly waits for others: problem bodies for what cannot be parsed, limits
for slow clients, a quick end.

The arbiter imports this module and answers nobody, so what only answers need is imported by the worker.
"""

import contextlib
import errno
import os
import socket
from typing import Any

import gevent
from gevent import monkey
from gunicorn.http import wsgi
from gunicorn.http.errors import ParseException
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker

from .loading import Loads

SLOWEST = 30.0  # seconds a client may take to send or to take anything
# Seconds in which a client that is sending its next request just now gets its answer, and with it the word
# that this connection ends. Hanging up at once lost one such request in some ten thousand.
LINGER = 2.0
MOST_UNTAKEN = 64 * 1024 * 1024  # of large answers that wait for their clients, in all
REST_SECONDS, REST_BYTES = 1.0, 4 * 1024 * 1024  # of a body that nobody has read


class EventedWorker(Loads, GeventWorker):
    """One event loop. A connection between two requests costs nothing and ends soon after the process is
    told to.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._idle: set[Any] = set()

    def load_wsgi(self) -> None:
        from . import framing

        framing.install()
        wsgi.Response = taken_in_time(framing.WholeResponse)
        super().load_wsgi()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """An application may refuse connections: its `place` gives what is answered instead."""
        place = getattr(self.wsgi, "place", anybody)
        with place(client.getsockname()[1], addr[0]) as refusal:
            if refusal:
                turn_away(client, refusal)
            else:
                self._serve(client, addr)

    def _serve(self, client: Any, addr: Any) -> None:
        client.settimeout(max(SLOWEST, self.cfg.keepalive))
        self._idle.add(client)
        try:
            # GeventWorker's own would take the limit off. The listener is asked for its address only, and is
            # closed already for who came just before the end.
            AsyncWorker.handle(self, client, client, addr)
        finally:
            self._idle.discard(client)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        self._idle.discard(sock)
        # Reading and writing give way only when they must: one client's requests would not take turns.
        gevent.sleep(0)
        try:
            super().handle_request(listener_name, req, sock, addr)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "the client is too slow") from None
        finally:
            if req.has_body:
                read_rest(req.body)
        self._idle.add(sock)
        if not self.alive:
            gevent.spawn_later(LINGER, end_of_input, sock)

    def handle_exit(self, sig: Any, frame: Any) -> None:
        super().handle_exit(sig, frame)
        gevent.spawn_later(LINGER, self._hang_up)

    def _hang_up(self) -> None:
        """Connections between two requests need not be waited for."""
        for client in list(self._idle):
            gevent.spawn(end_of_input, client)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Called by gunicorn."""
        from . import guard

        answer = guard.unread(exc, self.wsgi)
        with contextlib.suppress(OSError):
            client.sendall(answer)


def anybody(port: int, address: str) -> contextlib.AbstractContextManager[bytes]:
    return contextlib.nullcontext(b"")


def turn_away(client: Any, answer: bytes) -> None:
    """Answers, and waits for nothing. What has come is read: closing on it would take the answer back."""
    client.settimeout(0)
    with contextlib.suppress(OSError):
        client.recv(64 * 1024)
    with contextlib.suppress(OSError):
        client.send(answer)


def taken_in_time(response: Any) -> Any:
    """A kind of answers of which not too much waits for clients that are slow: of too much the oldest go."""
    from .framing import LARGE

    waiting: dict[Any, int] = {}  # bytes by connection, the oldest first

    class Taken(response):
        def _write(self, data: bytes) -> None:
            """What goes out at once needs no `sendall`: gevent's asks for its buffer's size each time."""
            if rest := data[self.sock.send(data) :]:
                super()._write(rest)

        def _emit_body(self, data: bytes) -> None:
            if len(data) < LARGE:
                super()._emit_body(data)
                return
            waiting[self.sock] = len(data)
            while sum(waiting.values()) > MOST_UNTAKEN and len(waiting) > 1:
                oldest = next(iter(waiting))
                waiting.pop(oldest)
                end(oldest, socket.SHUT_RDWR)
            try:
                super()._emit_body(data)
            finally:
                waiting.pop(self.sock, None)

    return Taken


def read_rest(body: Any) -> None:
    """Reads what nobody has read of a request, so that its client reads the answer. A rest that is long or
    slow ends the connection: nobody must look for another request in it.
    """
    ended = False
    in_time = gevent.Timeout(REST_SECONDS, False)  # type: ignore[arg-type] # gevent's word for: raise nothing
    with in_time, contextlib.suppress(ParseException, OSError):
        ended = len(body.read(REST_BYTES)) < REST_BYTES
    if not ended:
        body.failed = True


def end_of_input(client: Any) -> None:
    """The waiting read gets what has come already, then an end; an answer under way is still written."""
    end(client, socket.SHUT_RD)


def end(client: Any, how: int) -> None:
    """Shuts a direction down, or both. On a twin of the socket, because gevent would make who waits for it
    fail instead.
    """
    plain = monkey.get_original("socket", "socket")
    with contextlib.suppress(OSError), plain(fileno=os.dup(client.fileno())) as twin:
        twin.shutdown(how)
