"""How the server reads: bodies in pieces, one request after another, and what could be read in two ways."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tiny import GET, connect, status


def test_a_body_that_comes_in_pieces_arrives_whole_and_who_expects_is_told_to_go_on(port):
    with connect(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n")
        assert status(connection) == b"100"
        for piece in (b"ab", b"cd", b"ef"):
            connection.sendall(piece)
        came = b""
        while b"X-Body" not in came:
            came += connection.recv(65536)
        assert b"X-Body: 6" in came


def test_one_connection_serves_one_request_after_another(port):
    posted = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"

    def talk(_):
        with connect(port) as connection:
            for number in range(50):
                connection.sendall(GET if number % 2 else posted)
                came = b""
                while not came.endswith(b"\r\n\r\nxx"):
                    came += connection.recv(65536)
                assert came.startswith(b"HTTP/1.1 200")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(talk, range(16)))


@pytest.mark.parametrize(
    "headers",
    [
        "Host: x\r\nTransfer-Encoding: gzip, chunked",
        "Host: x\r\nTransfer-Encoding: identity",
        "Host: x\r\nTransfer_Encoding: chunked",
        "Host: x\r\nAuthorization: a\r\nAuthorization: b",
        "Host: x\r\nHost: y",
        "Host: x\r\nOrigin: http://a\r\nOrigin: http://b",
        "Host: x\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site",
        "Host: x/y",
        "Host: x, y",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_and_the_connection_ends(port, headers):
    with connect(port) as connection:
        connection.sendall(f"POST / HTTP/1.1\r\n{headers}\r\nContent-Length: 0\r\n\r\n".encode() + GET)
        came, began = b"", time.monotonic()
        while piece := connection.recv(65536):
            came += piece
        assert came.startswith(b"HTTP/1.1 400 ")
        assert came.count(b"HTTP/1.1 ") == 1
        assert b"application/problem+json" in came
        assert time.monotonic() - began < 10


def test_many_requests_in_a_row_are_answered_in_a_time_that_grows_with_their_number(port):
    """What has come already is answered before more is read: else all of it is copied once for each."""

    def seconds(many):
        began, came = time.monotonic(), 0
        long = GET[:-2] + b"X: " + b"x" * 1000 + b"\r\n\r\n"
        with connect(port) as busy:
            threading.Thread(target=lambda: busy.sendall(long * many), daemon=True).start()
            while came < many:
                came += busy.recv(1 << 20).count(b"HTTP/1.1 200")
        return time.monotonic() - began

    # Others on this machine may be in the way of one try.
    assert any(seconds(8000) < 8 * seconds(2000) for _ in range(3))


def answers(port, lines):
    """How many answers two requests get on one connection, when the first has these lines in its head."""
    with connect(port) as connection:
        connection.sendall(GET.replace(b"\r\n\r\n", f"\r\n{lines}\r\n\r\n".encode()) + GET)
        connection.shutdown(socket.SHUT_WR)
        came = b"".join(iter(lambda: connection.recv(65536), b""))
    return came.count(b"HTTP/1.1 200 "), came.count(b"Connection: close")


@pytest.mark.parametrize(
    "lines",
    [
        "Connection: close",
        "Connection: TE, close",
        "connection: Close ,\tTE",
        "Connection: keep-alive\r\nConnection: close",
        "Connection: TE\r\nX-A: b\r\nConnection: x,,close",
    ],
)
def test_who_says_anywhere_that_it_is_the_last_is_heard(port, lines):
    assert answers(port, lines) == (1, 1)


@pytest.mark.parametrize(
    "lines", ["Connection: keep-alive", "Connection: TE, closed", "Connection: not close", "X-A: close"]
)
def test_who_says_something_else_goes_on(port, lines):
    assert answers(port, lines)[0] == 2
