"""Gunicorn's thread worker, made safe against slow clients: a thread gets a request once all of it is there.

Stock gthread gives a thread to a connection as soon as its first byte comes, so as many slow clients as there
are threads stop the service; and it waits two seconds, in its main loop, for each client it hangs up on. Here
the loop listens to everybody, hands whole requests on, and hangs up on who has not sent one within `PATIENCE`
seconds. What cannot be parsed is answered with a problem body.
"""

import contextlib
import errno
import selectors
import socket
import time
from collections import deque
from functools import partial
from typing import Any

from gunicorn.http.errors import ParseException
from gunicorn.workers import gthread

from . import framing, guard
from .gthread import Worker
from .heard import LONGEST_BODY, Heard

PATIENCE = 10.0  # seconds for a client to send a request, or to take its answer
FAREWELL = 2.0  # seconds for a client to read its last answer before the connection is gone (RFC 9112, 9.6)
PIECE, ROOM = 64 * 1024, 1024 * 1024  # read at once; kept by the kernel of an answer that is taken slowly
MOST_UNTAKEN = 64 * 1024 * 1024  # of answers that wait for their clients, in all
MOST_HEARD = 64 * 1024 * 1024  # of requests that are only half there, in all
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Given:
    """A client's socket as gunicorn has it: nobody ever waits, what is not taken at once is kept."""

    def __init__(self, plain: socket.socket) -> None:
        plain.setblocking(False)
        with contextlib.suppress(OSError):
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
        self.rest = bytearray()
        self._socket = plain
        self.recv, self.send, self.fileno = plain.recv, plain.send, plain.fileno

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def setblocking(self, wanted: bool) -> None:
        """gunicorn asks for it some times a request."""

    def sendall(self, piece: bytes) -> None:
        taken = 0
        if not self.rest:
            with contextlib.suppress(BlockingIOError):
                taken = self.send(piece)
        if taken < len(piece):
            self.rest += piece[taken:]


class Connection(gthread.TConn):
    """A client's connection, with what has come of its next request."""

    def __init__(self, cfg: Any, client: socket.socket, *addresses: Any) -> None:
        super().__init__(cfg, Given(client), *addresses)
        self.heard, self.gone, self.listened_to = Heard(), False, False

    def pass_on(self) -> None:
        """To the parser, which finds all it reads in memory."""
        self.init()
        self.parser.unreader.unread(bytes(self.heard.came))
        self.heard, self.data_ready = Heard(), True


class PatientWorker(Worker):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        framing.install()
        self._leaving: deque[Connection] = deque()
        self._taking: deque[Connection] = deque()
        self._came, self._notified = 0, 0.0

    def notify(self) -> None:
        """Once a second is enough for gunicorn to know that this process goes on."""
        if time.monotonic() - self._notified > 1:
            self._notified = time.monotonic()
            super().notify()

    def accept(self, listener: Any) -> None:
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        self._listen(Connection(self.cfg, client, address, listener.getsockname()))

    def enqueue_req(self, conn: Connection) -> None:
        """What gunicorn would give to a thread: first the rest of it must come."""
        if conn.parser is not None:
            conn.heard.came += conn.parser.unreader.take_buffered()
        self._listen(conn)

    def _listen(self, conn: Connection) -> None:
        if self._hears_all(conn):
            return
        conn.timeout = time.monotonic() + (PATIENCE if self.alive else gthread.STOP_KEEPALIVE_LINGER)
        self.pending_conns.append(conn)
        conn.listened_to = True
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_pending_socket_readable(self, conn: Connection, client: Any) -> None:
        if not conn.gone and self._hears_all(conn):
            self.pending_conns.remove(conn)

    def _hears_all(self, conn: Connection) -> bool:
        """Reads what is there. True if the connection is a thread's business now, or nobody's."""
        piece = None
        if not (conn.heard.came and conn.heard.whole()):  # else one came together with the last
            piece = self._piece(conn)
        if piece:
            conn.heard.came += piece
            self._make_room(conn, len(piece))
        if (piece is None or piece) and not (conn.heard.came and conn.heard.whole()):
            self._encourage(conn)
            return False
        if conn.listened_to:
            conn.listened_to = False
            with contextlib.suppress(KeyError, ValueError):
                self.poller.unregister(conn.sock)
        if not conn.heard.came:
            self.nr_conns -= 1
            conn.close()
        else:
            conn.pass_on()
            super().enqueue_req(conn)
        return True

    def _piece(self, conn: Connection) -> bytes | None:
        """What has come; nothing at the end, or None while there is more to wait for."""
        try:
            return conn.sock.recv(PIECE)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _make_room(self, conn: Connection, size: int) -> None:
        """Looks once a megabyte; of too many large requests that are half there the oldest are given up."""
        self._came += size
        if self._came < ROOM:
            return
        held, self._came = sum(len(each.heard.came) for each in self.pending_conns), 0
        for slow in [
            each for each in self.pending_conns if len(each.heard.came) > PIECE and each is not conn
        ]:
            if held <= MOST_HEARD:
                return
            held -= len(slow.heard.came)
            self.pending_conns.remove(slow)
            self._gone(slow)

    def _encourage(self, conn: Connection) -> None:
        """A client that sends its body only when it is told to go on (RFC 9110, 10.1.1) is told so, once."""
        if conn.heard.expects:
            conn.heard.expects = False
            with contextlib.suppress(OSError):
                conn.sock.send(CONTINUE)

    def _keepalive_after(self, conn: Any, keepalive: Any) -> bool:
        """Called by gunicorn after each answer. What of a body was not read has come whole, or ends the
        connection: gunicorn itself would wait for it.
        """
        body = conn.parser.mesg.body
        try:
            return bool(keepalive) and not body.failed and len(body.read(LONGEST_BODY)) < LONGEST_BODY
        except (OSError, ParseException):
            return False

    def handle_request(self, req: Any, conn: Any) -> Any:
        try:
            return super().handle_request(req, conn)
        except BlockingIOError:  # more of the body is asked for than has come: it is longer than any may be
            raise ConnectionResetError(errno.ECONNRESET, "the body is too long") from None

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Called by gunicorn."""
        answer = guard.unread(exc, self.wsgi)
        with contextlib.suppress(OSError):
            client.send(answer)

    def finish_request(self, conn: Connection, fs: Any) -> None:
        """Hangs up without waiting: who does not leave is let go of after `FAREWELL` seconds."""
        if conn.sock.rest:
            self._give(conn, fs)
            return
        ended = fs.cancelled() or fs.exception() is not None or not fs.result()
        if not ended:
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._leaves, conn))
        except (OSError, ValueError, KeyError):
            self.nr_conns -= 1
            conn.close()
        else:
            conn.timeout = time.monotonic() + FAREWELL
            self._leaving.append(conn)

    def _give(self, conn: Connection, fs: Any) -> None:
        """The rest of an answer goes out as its client takes it. Of too many rests the oldest is given up."""
        conn.timeout = time.monotonic() + PATIENCE
        self._taking.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_WRITE, partial(self._takes, conn, fs))
        while sum(len(each.sock.rest) for each in self._taking) > MOST_UNTAKEN:
            self._gone(self._taking.popleft())

    def _takes(self, conn: Connection, fs: Any, client: Any) -> None:
        if conn.gone:
            return
        try:
            del client.rest[: client.send(client.rest[:PIECE])]
        except BlockingIOError:
            return
        except OSError:
            self._taking.remove(conn)
            self._gone(conn)
            return
        if not client.rest:
            self._taking.remove(conn)
            self.poller.unregister(client)
            self.finish_request(conn, fs)

    def _leaves(self, conn: Connection, client: Any) -> None:
        """What still comes is read and forgotten, so that the answer is not lost to a reset."""
        if conn.gone:
            return
        with contextlib.suppress(BlockingIOError, ConnectionError):
            if client.recv(PIECE):
                return
        self._leaving.remove(conn)
        self._gone(conn)

    def _gone(self, conn: Connection) -> None:
        """What the poller has seen of it already in this round comes to nothing."""
        conn.gone = True
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        super().murder_pending()
        for slow in (self._leaving, self._taking):
            while slow and slow[0].timeout <= time.monotonic():
                self._gone(slow.popleft())

    def _cap_keepalive(self, deadline: float) -> None:
        """At the end of the process, who has not sent a whole request is no longer waited for."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)
