"""HTTP/1.1 towards a service: one connection, one request at a time, framed strictly (RFC 9112).

Raw sockets, of threads or of gevent: with `http.client` a request costs its sender a third more CPU. What an
answer leaves open to interpretation (two lengths, a length and chunks, no length) is refused.
"""

import re
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

HEAD_LIMIT = 32 * 1024
ANSWER_LIMIT = 32 * 1024 * 1024  # a page of twenty texts of 64 kB with HTML, escaped, is 13 MB
PIECE = 64 * 1024
CONNECT_SECONDS = 0.5
UNSAFE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # a tab may stand in a header (RFC 9110, section 5.5)

STATUS = re.compile(r"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [\t -~\x80-\xff]*)?")
HEADER = re.compile(r"\r\n([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?")
LENGTH = re.compile(r"[0-9]{1,10}")


class Failed(Exception):
    """No good answer came from a service."""


class Unreachable(Failed):
    """No connection: nothing was sent."""


class Silent(Failed):
    """The connection ended before the first byte of an answer."""


class Broken(Failed):
    """An answer began, and then ended early or made no sense."""


class Late(Failed):
    """Time is up."""


class Answer:
    """What a service said. Header names are as they came; `keep`: the connection can be used again."""

    __slots__ = ("body", "headers", "keep", "status")

    def __init__(self, status: int, headers: Sequence[tuple[str, str]], body: bytes, keep: bool) -> None:
        self.status, self.headers, self.body, self.keep = status, headers, body, keep

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


class Connection:
    """A connection that somebody has made. After any method has raised a `Failed` it must be closed."""

    __slots__ = ("_heard", "_rest", "_socket", "idle_since")

    def __init__(self, connected: Any) -> None:
        self._socket, self._rest, self._heard, self.idle_since = connected, b"", False, 0.0
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._socket.close()

    def ready(self) -> bool:
        """Whether an idle connection is still open and silent. What can be read is its end, or not for us."""
        self._socket.settimeout(0)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def send(self, message: bytes, deadline: float) -> None:
        self._socket.settimeout(remaining(deadline))
        self._heard = False
        try:
            # Most go out at once; gevent's `sendall` asks the kernel for the size of its buffer each time.
            if rest := message[self._socket.send(message) :]:
                self._socket.settimeout(remaining(deadline))
                self._socket.sendall(rest)
        except TimeoutError as error:
            raise Late("sending took too long") from error
        except OSError as error:
            raise Silent(str(error)) from error

    def answer(self, method: str, deadline: float) -> Answer:
        """Reads one whole answer. Interim (1xx) answers are skipped."""
        status, minor, headers = self._head(deadline)
        while status < 200:
            if status == 101:
                raise Broken("switches to a protocol nobody asked for")
            status, minor, headers = self._head(deadline)
        length, chunked, keep = framing(headers, minor)
        if method == "HEAD" or status in (204, 304):
            body = b""
        elif chunked:
            body = self._chunks(deadline)
        elif length is None:
            raise Broken("no length")
        else:
            body = self._exactly(length, deadline)
        return Answer(status, headers, body, keep and not self._rest)

    def _head(self, deadline: float) -> tuple[int, str, list[tuple[str, str]]]:
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            if len(self._rest) > HEAD_LIMIT:
                raise Broken("endless head")
            self._more(deadline)
        head, self._rest = self._rest[:end].decode("latin-1"), self._rest[end + 4 :]
        first = head.find("\r\n")
        line = STATUS.fullmatch(head if first < 0 else head[:first])
        headers = HEADER.findall(head, first) if first > 0 else []
        if line is None or len(headers) != head.count("\n"):
            raise Broken("malformed head")
        return int(line[2]), line[1], headers

    def _more(self, deadline: float) -> None:
        self._socket.settimeout(remaining(deadline))
        try:
            piece = self._socket.recv(PIECE)
        except TimeoutError as error:
            raise Late("no answer in time") from error
        except OSError as error:
            raise (Broken if self._heard else Silent)(str(error)) from error
        if not piece:
            raise (Broken if self._heard else Silent)("connection closed")
        self._heard = True
        self._rest = self._rest + piece if self._rest else piece

    def _exactly(self, length: int, deadline: float) -> bytes:
        if length > ANSWER_LIMIT:
            raise Broken("answer too large")
        pieces, missing = [self._rest[:length]], length - len(self._rest)
        self._rest = self._rest[length:]
        while missing > 0:
            self._more(deadline)
            pieces.append(self._rest[:missing])
            self._rest, missing = self._rest[missing:], missing - len(self._rest)
        return b"".join(pieces)

    def _line(self, deadline: float) -> bytes:
        while (end := self._rest.find(b"\r\n")) < 0:
            if len(self._rest) > HEAD_LIMIT:
                raise Broken("endless line")
            self._more(deadline)
        line, self._rest = self._rest[:end], self._rest[end + 2 :]
        return line

    def _chunks(self, deadline: float) -> bytes:
        pieces, total = [], 0
        while True:
            size = CHUNK.fullmatch(self._line(deadline))
            if size is None:
                raise Broken("malformed chunk")
            length = int(size[1], 16)
            if length == 0:
                break
            total += length
            if total > ANSWER_LIMIT:
                raise Broken("answer too large")
            pieces.append(self._exactly(length, deadline))
            if self._line(deadline):
                raise Broken("chunk longer than it said")
        while self._line(deadline):  # trailers are nobody's business
            pass
        return b"".join(pieces)


def message(method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """A request as it is sent. Raises `ValueError` for what would not stay in its line."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body is not None or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body or b'')}")
    if UNSAFE.search("".join(lines)) or " " in target or "\t" in target:
        raise ValueError("a request with a line that is none")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def framing(headers: Sequence[tuple[str, str]], minor: str) -> tuple[int | None, bool, bool]:
    """Length if given, whether it is chunked, whether the connection stays open (RFC 9112, section 6)."""
    length, chunked, keep = None, False, minor == "1"
    for name, value in headers:
        name = name.lower()
        if name == "content-length":
            if length is not None or LENGTH.fullmatch(value.strip()) is None:
                raise Broken("bad length")
            length = int(value)
        elif name == "transfer-encoding":
            if chunked or value.strip().lower() != "chunked" or minor == "0":
                raise Broken("unknown transfer coding")
            chunked = True
        elif name == "connection":
            keep = keep and "close" not in value.lower()
    if chunked and length is not None:
        raise Broken("a length and chunks")
    return length, chunked, keep


def remaining(deadline: float) -> float:
    """Seconds left; raises `Late` when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise Late("time is up")
    return left
