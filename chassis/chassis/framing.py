"""One reading of every message: gunicorn's parser, without the choices that it leaves open.

Whoever stands in front of us (a load balancer, another proxy) must not be able to see another message than
we do, so what a sender of good will never sends is refused, and the connection ends: a transfer coding other
than `chunked` (RFC 9112, section 6.1 lets a server refuse them), a Host that is no host, a second
Authorization, a `Transfer_Encoding` that somebody else might take for the real one.
"""

import re
import time
from collections.abc import Iterator
from email.utils import formatdate
from functools import lru_cache
from typing import Any

from gunicorn import util
from gunicorn.http import message, wsgi
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import (
    ChunkMissingTerminator,
    InvalidChunkSize,
    InvalidHeader,
    InvalidHeaderName,
    NoMoreData,
)
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser

from .heard import MOST_CHUNKS

# An ordinary head, which leaves nothing to interpret: everything else goes through gunicorn's own reading.
ORDINARY = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/(?!/)[!\"$-~]*) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+\-.^`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*\r\n){1,64})\r\n"
)
HEADER = re.compile(r"([^:]+):[ \t]*([^\r]*)\r\n")
LARGE = 64 * 1024  # of an answer, which is not copied to go out with its head
LONGEST_ORDINARY = 8000  # below every limit of gunicorn's settings here

LAST_CHUNK = re.compile(rb"0+[^0-9A-Fa-f]")
HOST = re.compile(r"(?:[A-Za-z0-9._\-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?|")
ONCE = frozenset(("AUTHORIZATION", "CONTENT-LENGTH", "CONTENT-TYPE", "HOST", "ORIGIN", "SEC-FETCH-SITE",
                  "TRANSFER-ENCODING"))  # fmt: skip


class StrictRequest(Request):
    path: str
    query: str
    has_body = False

    def parse(self, unreader: Any) -> bytes:
        """Called by gunicorn; returns what came behind the head."""
        came = unreader.read()
        head = ORDINARY.match(came, 0, LONGEST_ORDINARY)
        if head is None or b"\r\nexpect:" in came[: head.end()].lower():
            unreader.unread(came)
            return super().parse(unreader)
        self.method, self.uri = head[1].decode(), head[2].decode()
        self.path, _, self.query = self.uri.partition("?")
        self.fragment, self.version = "", (1, 1)
        found = HEADER.findall(head[3].decode("latin-1"))
        self.headers = [(name.upper(), value.rstrip(" \t")) for name, value in found]
        return came[head.end() :]

    def _apply_header_policy(self, name: str, *given: Any, **named: Any) -> Any:
        """Called by gunicorn for each header; it drops names with an underscore."""
        if "_" in name and name.replace("_", "-") in ONCE:
            raise InvalidHeaderName(name)
        return super()._apply_header_policy(name, *given, **named)

    def set_body_reader(self) -> None:
        """Called by gunicorn once the head has been read."""
        values: dict[str, str] = {}
        for name, value in self.headers:
            if name in ONCE and name in values:
                raise InvalidHeader(name, req=self)
            values[name] = value
        if values.get("TRANSFER-ENCODING", "chunked").lower() != "chunked":
            raise InvalidHeader("TRANSFER-ENCODING", req=self)
        unnamed = "HOST" not in values and self.version >= (1, 1)  # RFC 9112, section 3.2
        if unnamed or HOST.fullmatch(values.get("HOST", "")) is None:
            raise InvalidHeader("HOST", req=self)
        self.has_body = "CONTENT-LENGTH" in values or "TRANSFER-ENCODING" in values
        if "CONNECTION" in values and self._is_the_last():
            self.force_close()
        super().set_body_reader()

    def _is_the_last(self) -> bool:
        """Whether the sender wants the connection to end: one word of a list, which may have several lines
        (RFC 9110, section 7.6.1). gunicorn knows it only alone, in the first.
        """
        said = ",".join(value for name, value in self.headers if name == "CONNECTION").lower()
        return "close" in (word.strip(" \t") for word in said.split(","))


class FewChunks(ChunkedReader):
    """Chunks, read in a time that grows with the body alone, and not too many of them.

    gunicorn copies all that has come once for each chunk: 100,000 of one byte took a service four seconds. A
    million of them held the gateway's one loop for three.
    """

    def parse_chunked(self, unreader: Any) -> Iterator[bytes]:
        data, at = b"", 0
        for _ in range(MOST_CHUNKS):
            end = data.find(b"\r\n", at) + 2
            if end < 2 or LAST_CHUNK.match(data, at):
                (size, data), at = self.parse_chunk_size(unreader, data=data[at:]), 0
            else:
                size, at = self.parse_chunk_size(unreader, data=data[at:end])[0], end
            if size == 0:
                return
            while size > len(data) - at:
                yield data[at:]
                size -= len(data) - at
                data, at = unreader.read(None, read_ahead=size), 0
                if not data:
                    raise NoMoreData
            yield data[at : at + size]
            data, at = self._past_end(unreader, data, at + size)
        raise InvalidChunkSize(b"too many chunks")

    def _past_end(self, unreader: Any, data: bytes, at: int) -> tuple[bytes, int]:
        """What has come, and where in it the next chunk begins."""
        while len(data) - at < 2 and (more := unreader.read()):
            data, at = data[at:] + more, 0
        if data[at : at + 2] != b"\r\n":
            raise ChunkMissingTerminator(data[at : at + 2])
        return data, at + 2


class WholeResponse(wsgi.Response):
    """Head and body go out together: one call to the kernel, one wake-up of the one who waits for them."""

    _head = b""
    headers_sent: bool

    def send_headers(self) -> None:
        if not self.headers_sent:
            lines = [*self.default_headers(), *(f"{name}: {value}\r\n" for name, value in self.headers)]
            self._head, self.headers_sent = f"{''.join(lines)}\r\n".encode("latin-1"), True

    def _emit_body(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if head and not self.chunked and len(data) < LARGE:
            self._write(head + data)
            return
        if head:
            self._write(head)
        super()._emit_body(data)

    def close(self) -> None:
        """At the end of every answer."""
        self.send_headers()
        head, self._head = self._head, b""
        if head:
            self._write(head)
        super().close()

    def _write(self, data: bytes) -> None:
        util.write(self.sock, data)


@lru_cache(1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def install() -> None:
    """From now on every connection of this process is read and answered so."""
    util.http_date = lambda: _date(int(time.time()))
    RequestParser.mesg_class, wsgi.Response = StrictRequest, WholeResponse
    message.ChunkedReader = FewChunks
