"""The server in front of the application: whole requests for threads, and slow clients that stop nobody."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chassis.testing.parts import free_port, listens
from chassis.testing.polling import eventually

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


THREADS = 4
APP = """
import os
import threading

GO = threading.Event()

class App:
    def __call__(self, environ, start):
        asked = environ["PATH_INFO"][1:] or "2"
        body = b"" if asked == "unread" else environ["wsgi.input"].read()
        if asked == "go":
            GO.set()
        size = 2 if asked in ("go", "unread") or asked == "wait" and GO.wait(10) else int(asked)
        told = {"Content-Length": size, "X-Body": len(body), "X-Pid": os.getpid()}
        told["X-Thread"] = threading.current_thread().name
        start("200 OK", [(name, str(value)) for name, value in told.items()])
        return [b"x" * size]

app = App()
"""


@contextlib.contextmanager
def serving(folder):
    """A tiny application under the real server: its process and its port."""
    port = free_port()
    (folder / "tiny.py").write_text(APP)
    command = [sys.executable, "-m", "chassis.gunicorn", "tiny:app"]
    search = os.pathsep.join([str(folder), str(Path(__file__).parents[1])])
    environment = os.environ | {"PORT": str(port), "WEB_THREADS": str(THREADS), "PYTHONPATH": search}
    server = subprocess.Popen(command, env=environment)
    try:
        eventually(lambda: listens(port))
        yield server, port
    finally:
        server.send_signal(signal.SIGTERM)
        ended = server.wait(20)
    assert ended == 0


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("serving")) as (_, port):
        yield port


def connect(port):
    return socket.create_connection(("127.0.0.1", port), 10)


def status(connection):
    return connection.recv(65536)[9:12]


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"G",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
    ],
)
def test_more_slow_clients_than_threads_stop_nobody(port, beginning):
    slow = [connect(port) for _ in range(5 * THREADS)]
    for connection in slow:
        connection.sendall(beginning)
    with connect(port) as honest:
        honest.sendall(GET)
        assert status(honest) == b"200"
    for connection in slow:
        connection.close()


def test_clients_that_do_not_take_their_answer_stop_nobody(port):
    slow = []
    for _ in range(3 * THREADS):
        slow.append(connection := socket.socket())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET /150000 HTTP/1.1\r\nHost: x\r\n\r\n")
    with connect(port) as honest:
        honest.sendall(GET)
        assert status(honest) == b"200"
    for connection in slow:
        connection.close()


def test_requests_that_wait_for_something_stop_nobody_while_there_are_threads(port):
    with contextlib.ExitStack() as open_ones:
        waiting = [open_ones.enter_context(connect(port)) for _ in range(THREADS - 1)]
        for connection in waiting:
            connection.sendall(GET.replace(b"/", b"/wait", 1))
        with connect(port) as another:
            another.sendall(GET.replace(b"/", b"/go", 1))
            assert status(another) == b"200"
        assert [status(connection) for connection in waiting] == [b"200"] * len(waiting)


def thread(connection):
    """Which thread of the server answers."""
    connection.sendall(GET)
    return re.search(rb"X-Thread: (\S+)", connection.recv(65536))[1]


def test_the_loop_answers_and_others_do_while_it_waits(tmp_path):
    with serving(tmp_path) as (_, port), connect(port) as one, connect(port) as another:
        assert {thread(one) for _ in range(20)} == {b"MainThread"}
        one.sendall(GET.replace(b"/", b"/wait", 1))
        eventually(lambda: thread(another) != b"MainThread")
        another.sendall(GET.replace(b"/", b"/go", 1))
        assert [status(another), status(one)] == [b"200", b"200"]
        assert eventually(lambda: thread(one) == b"MainThread")


def test_a_server_that_is_told_to_end_while_its_loop_waits_answers_all_that_have_asked(tmp_path):
    with serving(tmp_path) as (server, port), connect(port) as one, connect(port) as another:
        one.sendall(GET.replace(b"/", b"/wait", 1))
        eventually(lambda: thread(another) != b"MainThread")
        server.send_signal(signal.SIGTERM)
        another.sendall(GET.replace(b"/", b"/go", 1))
        assert [status(another), status(one)] == [b"200", b"200"]


def test_answers_larger_than_the_kernel_keeps_hold_no_thread_and_come_whole(port):
    size, slow = 12_000_000, []
    for _ in range(THREADS):
        slow.append(connection := connect(port))
        connection.sendall(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % size)
    with connect(port) as honest:
        honest.sendall(GET)
        assert status(honest) == b"200"
    for connection in slow:
        connection.sendall(GET)  # answered after it, on the same connection
        assert len(read_all(connection, size)) == size
        assert status(connection) == b"200"
        connection.close()


def read_all(connection, size):
    """The body of an answer of that size."""
    came = b""
    while b"\r\n\r\n" not in came:
        came += connection.recv(1)
    body = bytearray()
    while len(body) < size:
        piece = connection.recv(size - len(body))
        assert piece
        body += piece
    return body


def worker(port):
    with connect(port) as connection:
        connection.sendall(GET)
        return re.search(rb"X-Pid: ([0-9]+)", connection.recv(65536))[1]


def test_more_answers_than_are_kept_cost_the_oldest_and_not_the_worker(port):
    """Those that are given up may have room again at that very moment."""
    size, before = 12_000_000, worker(port)

    def taken(_):
        came = 0
        with connect(port) as client, contextlib.suppress(OSError):
            client.sendall(b"GET /%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % size)
            time.sleep(0.3)
            while piece := client.recv(1024 * 1024):
                came += len(piece)
        return came

    with ThreadPoolExecutor(40) as pool:
        found = list(pool.map(taken, range(40)))
    assert max(found) > size
    assert worker(port) == before


def test_clients_that_are_hung_up_on_and_stay_stop_nobody(port):
    rude = [connect(port) for _ in range(3 * THREADS)]
    for connection in rude:
        connection.sendall(b"NONSENSE\r\n\r\n")
        assert status(connection) == b"400"
    with connect(port) as honest:
        honest.sendall(GET)
        assert status(honest) == b"200"
    for connection in rude:
        connection.close()


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


def test_bodies_that_are_announced_and_never_come_stop_nobody(port):
    """Longer than any may be, so the request is answered at once; nobody waits for the rest."""
    announced = b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"
    with contextlib.ExitStack() as open_ones:
        silent = [open_ones.enter_context(connect(port)) for _ in range(4 * THREADS)]
        for connection in silent:
            connection.sendall(announced)
        began = time.monotonic()
        with connect(port) as honest:
            honest.sendall(GET)
            assert status(honest) == b"200"
        for connection in silent:
            connection.settimeout(4)  # gunicorn would wait five seconds for each
            while connection.recv(65536):
                pass
        assert time.monotonic() - began < 5


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
