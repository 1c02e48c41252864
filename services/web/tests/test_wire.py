"""Connections to a service: kept, given up, tried again only where that does no harm."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from chassis.breaker import Breaker, Resting
from chassis.wire import Failed, message
from web.clients.wire import IDLE_SECONDS, Wire

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Service:
    """Answers each request on a connection with the next of its lines; None hangs up instead."""

    def __init__(self) -> None:
        self.says: list[bytes | None] = []
        self.asked: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while asked := connection.recv(65536):
                self.asked.append(asked)
                said = self.says.pop(0) if self.says else GOOD
                if said is None:
                    break
                connection.sendall(said)
        connection.close()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.close()


@pytest.fixture
def wire(service: Service) -> Wire:
    return Wire(f"http://127.0.0.1:{service.port}")


def get(wire: Wire, method: str = "GET", seconds: float = 1.0):
    return wire.answer(wire.send(method, "/x", {"X-Name": "v"}, b"{}" if method == "POST" else None, seconds))


def test_a_connection_is_used_again(service, wire):
    assert [get(wire).body, get(wire, "POST").body] == [b"ok", b"ok"]
    assert service.connections == 1
    assert b"X-Name: v" in service.asked[0]


def test_a_connection_that_says_it_ends_is_not_used_again(service, wire):
    service.says = [GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")]
    get(wire)
    get(wire)
    assert service.connections == 2


def test_a_read_is_sent_again_when_a_kept_connection_has_just_ended(service, wire):
    service.says = [GOOD, None]
    get(wire)
    assert get(wire).body == b"ok"
    assert service.connections == 2


def test_a_write_is_never_sent_again(service, wire):
    service.says = [GOOD, None]
    get(wire)
    with pytest.raises(Failed):
        get(wire, "POST")
    assert len(service.asked) == 2


def test_a_first_connection_that_ends_is_a_failure(service, wire):
    service.says = [None]
    with pytest.raises(Failed):
        get(wire)


def test_connections_that_were_left_or_ended_are_forgotten(service, wire):
    get(wire)
    wire._idle[0].idle_since -= IDLE_SECONDS + 1
    get(wire)
    assert service.connections == 2
    wire._idle[0]._socket.shutdown(socket.SHUT_RDWR)
    get(wire)
    assert service.connections == 3


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", b"nonsense\r\n\r\n", GOOD[:-1]]
)
def test_what_is_no_answer_is_a_failure(service, wire, said):
    service.says = [said]
    with pytest.raises(Failed):
        get(wire, seconds=0.2)


def test_nobody_is_waited_for_longer_than_said(service, wire):
    service.says = [b""]
    started = time.monotonic()
    with pytest.raises(Failed):
        get(wire, seconds=0.2)
    assert time.monotonic() - started < 1


def test_nobody_there(service, wire):
    service.close()
    with pytest.raises(Failed):
        Wire("http://127.0.0.1:1").send("GET", "/", {}, None, 1)


BAD = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("said", [BAD, None], ids=["a 500", "nothing"])
def test_who_keeps_failing_is_left_alone_for_a_moment(service, wire, said):
    service.says = [said] * Breaker.FAILURES
    for _ in range(Breaker.FAILURES):
        with pytest.raises(Failed):
            get(wire, "POST")
    with pytest.raises(Resting):
        get(wire, "POST")
    assert len(service.asked) == Breaker.FAILURES


@pytest.mark.parametrize("target", ["/a b", "/a\tb", "/a\r\nX: y", "/\x00"])
def test_an_address_that_would_not_stay_in_its_line_is_not_sent(target):
    with pytest.raises(ValueError, match="line"):
        message("GET", target, {}, None)


def test_a_header_that_would_not_stay_in_its_line_is_not_sent(service, wire):
    with pytest.raises(ValueError, match="line"):
        wire.send("GET", "/", {"X-Name": "v\r\nX-Other: w"}, None, 1)
    assert service.asked == []
