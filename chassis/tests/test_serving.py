"""The server in front of the application: nobody who is slow, rude or waiting stops anybody else."""

import contextlib
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tiny import GET, THREADS, connect, serving, somebody_else_is_answered, status

from chassis.testing.polling import eventually


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
    somebody_else_is_answered(port)
    for connection in slow:
        connection.close()


def test_clients_that_do_not_take_their_answer_stop_nobody(port):
    slow = []
    for _ in range(3 * THREADS):
        slow.append(connection := socket.socket())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET /150000 HTTP/1.1\r\nHost: x\r\n\r\n")
    somebody_else_is_answered(port)
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
    somebody_else_is_answered(port)
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
    somebody_else_is_answered(port)
    for connection in rude:
        connection.close()


def test_bodies_that_are_announced_and_never_come_stop_nobody(port):
    """Longer than any may be, so the request is answered at once; nobody waits for the rest."""
    announced = b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"
    with contextlib.ExitStack() as open_ones:
        silent = [open_ones.enter_context(connect(port)) for _ in range(4 * THREADS)]
        for connection in silent:
            connection.sendall(announced)
        began = time.monotonic()
        somebody_else_is_answered(port)
        for connection in silent:
            connection.settimeout(4)  # gunicorn would wait five seconds for each
            while connection.recv(65536):
                pass
        assert time.monotonic() - began < 5
