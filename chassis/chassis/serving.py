"""Gunicorn's thread worker, made safe against slow clients: a thread gets a request once all of it is there.

Stock gthread gives a thread to a connection as soon as its first byte comes, so as many slow clients as there
are threads stop the service; and it waits two seconds, in its main loop, for each client it hangs up on. Here
the loop listens to everybody, hands whole requests on, and hangs up on who has not sent one within `PATIENCE`
seconds. What cannot be parsed is answered with a problem body.
"""

import contextlib
import errno
import logging
import re
import selectors
import socket
import time
from collections import deque
from functools import partial
from typing import Any

from gunicorn.http import errors
from gunicorn.workers import gthread

from . import framing, guard, logs
from .gthread import Worker

log = logging.getLogger("request")
PATIENCE = 10.0  # seconds for a client to send a request, or to take its answer
FAREWELL = 2.0  # seconds for a client to read its last answer before the connection is gone (RFC 9112, 9.6)
PIECE, ROOM = 64 * 1024, 1024 * 1024  # read at once; kept by the kernel of an answer that is taken slowly
LONGEST_HEAD, LONGEST_BODY = 64 * 1024, 2 * 1024 * 1024
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,10})[ \t]*\r\n", re.I)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.I)
EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.I)
SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]{0,1024}\r\n")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Heard:
    """What has come of a request so far. Whether it is one is for the parser to say."""

    __slots__ = ("_at", "_chunked", "_head", "_length", "_scanned", "came", "expects")

    def __init__(self) -> None:
        self.came = bytearray()
        self.expects = self._chunked = False
        self._head = self._length = self._at = self._scanned = 0

    def whole(self) -> bool:
        """Whether nothing more need be waited for: it is complete, too long, or already wrong."""
        if not self._head and not self._find_head():
            return len(self.came) > LONGEST_HEAD
        if len(self.came) - self._head > LONGEST_BODY or self._length > LONGEST_BODY:
            return True
        return self._chunks_end() if self._chunked else len(self.came) >= self._head + self._length

    def _find_head(self) -> bool:
        end = self.came.find(b"\r\n\r\n", max(self._scanned - 3, 0))
        self._scanned = len(self.came)
        if end <= 0:
            return False
        head = bytes(self.came[: end + 2])
        self._head = self._at = end + 4
        self._chunked = CHUNKED.search(head) is not None
        self._length = 0 if self._chunked else max((int(each) for each in LENGTH.findall(head)), default=0)
        self.expects = EXPECTS.search(head) is not None
        return True

    def _chunks_end(self) -> bool:
        """Walks on from the last whole chunk."""
        while (size := SIZE.match(self.came, self._at)) is not None:
            length = int(size[1], 16)
            if length == 0:
                trailers = self.came[size.end() : size.end() + LONGEST_HEAD]
                return trailers[:2] == b"\r\n" or b"\r\n\r\n" in trailers or len(trailers) == LONGEST_HEAD
            if len(self.came) < size.end() + length + 2:
                return False
            self._at = size.end() + length + 2
        line = self.came[self._at : self._at + 1100]
        return b"\n" in line or len(line) == 1100  # a size that is none: the parser refuses it


class Connection(gthread.TConn):  # type: ignore[misc]
    """A client's connection, with what it has sent of its next request."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.heard = Heard()
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)

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
        conn.sock.setblocking(False)
        if self._hears_all(conn):
            return
        conn.timeout = time.monotonic() + (PATIENCE if self.alive else gthread.STOP_KEEPALIVE_LINGER)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_pending_socket_readable(self, conn: Connection, client: Any) -> None:
        if self._hears_all(conn):
            self.pending_conns.remove(conn)

    def _hears_all(self, conn: Connection) -> bool:
        """Reads what is there. True if the connection is a thread's business now, or nobody's."""
        try:
            piece = conn.sock.recv(PIECE)
        except BlockingIOError:
            piece = None
        except OSError:
            piece = b""
        if piece:
            conn.heard.came += piece
        if (piece is None or piece) and not (conn.heard.came and conn.heard.whole()):
            self._encourage(conn)
            return False
        with contextlib.suppress(KeyError, ValueError):
            self.poller.unregister(conn.sock)
        if not conn.heard.came:
            self.nr_conns -= 1
            conn.close()
        else:
            conn.pass_on()
            super().enqueue_req(conn)
        return True

    def _encourage(self, conn: Connection) -> None:
        """A client that sends its body only when it is told to go on (RFC 9110, 10.1.1) is told so, once."""
        if conn.heard.expects:
            conn.heard.expects = False
            with contextlib.suppress(OSError):
                conn.sock.send(CONTINUE)

    def handle_request(self, req: Any, conn: Any) -> Any:
        conn.sock.settimeout(PATIENCE)
        try:
            return super().handle_request(req, conn)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "the client is too slow") from None

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """What gunicorn could not parse, or an error of ours that nobody caught."""
        known = isinstance(exc, errors.ParseException)
        status, request_id = guard.status_of(exc) if known else 500, logs.request_id(None)
        told = {"request_id": request_id, "status": status, "reason": type(exc).__name__}
        if known:
            log.info("request not understood", extra=told)
        else:
            log.error("unexpected error", extra=told, exc_info=exc)
        client.settimeout(PATIENCE)
        with contextlib.suppress(OSError):
            client.sendall(guard.unparsed(status, request_id, self._https))

    @property
    def _https(self) -> bool:
        settings = getattr(self.wsgi, "extensions", {}).get("settings")
        return str(getattr(settings, "public_url", "")).startswith("https://")

    def finish_request(self, conn: Connection, fs: Any) -> None:
        """Hangs up without waiting: who does not leave is let go of after `FAREWELL` seconds."""
        ended = fs.cancelled() or fs.exception() is not None or not fs.result()
        if not ended:
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._leaves, conn))
        except (OSError, ValueError, KeyError):
            self.nr_conns -= 1
            conn.close()
        else:
            conn.timeout = time.monotonic() + FAREWELL
            self._leaving.append(conn)

    def _leaves(self, conn: Connection, client: Any) -> None:
        """What still comes is read and forgotten, so that the answer is not lost to a reset."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            if client.recv(PIECE):
                return
        self._leaving.remove(conn)
        self._gone(conn)

    def _gone(self, conn: Connection) -> None:
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        super().murder_pending()
        while self._leaving and self._leaving[0].timeout <= time.monotonic():
            self._gone(self._leaving.popleft())

    def _cap_keepalive(self, deadline: float) -> None:
        """At the end of the process, who has not sent a whole request is no longer waited for."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)
