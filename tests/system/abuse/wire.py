"""Raw HTTP/1.1: messages byte for byte, answers read strictly."""

import re
import socket
from dataclasses import dataclass

STATUS = re.compile(r"HTTP/1\.([01]) ([1-5][0-9]{2}) [ -~]*")
BODILESS = (204, 304)
PATIENCE = 20.0


class Misframed(AssertionError):
    """What came is not a row of well-formed answers."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers.get("x-request-id", "")


def exchange(port: int, message: bytes, *, half_close: bool = True, head: bool = False) -> list[Reply]:
    """Sends a message, says that no more will come, and reads until the other side has ended too."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        try:
            connection.sendall(message)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has hung up on us already; its answer can still be read
        return replies(everything(connection), head=head)


def everything(connection: socket.socket) -> bytes:
    came = b""
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            return came
        if not piece:
            return came
        came += piece


def replies(came: bytes, head: bool = False) -> list[Reply]:
    """The answers in a stream, the first one to HEAD. Raises `Misframed` if there is anything else in it."""
    found = []
    while came:
        first, came = reply(came, head and not found)
        if first.status >= 200:
            found.append(first)
    return found


def reply(came: bytes, head: bool) -> tuple[Reply, bytes]:
    lines, blank, rest = came.partition(b"\r\n\r\n")
    first, *fields = lines.decode("latin-1").split("\r\n")
    status = STATUS.fullmatch(first)
    if not blank or status is None:
        raise Misframed(came[:200])
    headers: dict[str, str] = {}
    for field in fields:
        name, colon, value = field.partition(":")
        if not colon or (name.lower() in headers and name.lower() not in ("set-cookie", "vary")):
            raise Misframed(field)
        headers[name.lower()] = value.strip()
    code = int(status[2])
    last = headers.get("connection") == "close"
    untold = len(rest) if last else -1
    # Of a head that could not be read nobody knows that it was HEAD; then nothing comes behind this body.
    bodiless = code < 200 or code in BODILESS or (head and not (last and code == 400 and rest))
    length = 0 if bodiless else int(headers.get("content-length", untold))
    if not 0 <= length <= len(rest):
        raise Misframed(f"{len(rest)} bytes of {length}")
    return Reply(code, headers, rest[:length]), rest[length:]
