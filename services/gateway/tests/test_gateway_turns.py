"""One client's many requests, and bodies that nobody reads, keep nobody else waiting; nor does the end."""

import contextlib
import socket
import threading
from pathlib import Path

import pytest

from chassis.testing.polling import eventually

from .neighbours import PATIENCE, answer

MANY = 8000
ASK = b"GET /api/v1/nowhere HTTP/1.1\r\nHost: x\r\n\r\n"


def test_requests_in_a_row_take_turns_with_everybody_s(new_site):
    """What the gateway answers by itself waits for nobody, so nothing else would make it give way."""
    site, came = new_site(), bytearray()
    with socket.create_connection(("127.0.0.1", site.port), PATIENCE) as busy:

        def take():
            with contextlib.suppress(OSError):  # it is broken off in the end
                while len(came) < MANY * 100 and (piece := busy.recv(1 << 20)):
                    came.extend(piece)

        taking = threading.Thread(target=take)
        taking.start()

        def send():
            with contextlib.suppress(OSError):
                busy.sendall(ASK * MANY)

        sending = threading.Thread(target=send)
        sending.start()
        eventually(lambda: came)
        assert site.get("/api/v1/nowhere").status == 404
        answered = came.count(b"HTTP/1.1 404")
        busy.shutdown(socket.SHUT_RDWR)
        sending.join()
        taking.join()
    assert 0 < answered < 400  # of a thousand that were there when it asked


def endless(site, target):
    """Sends a body without end until it is hung up on; tells how many bytes went out."""
    sent = 0
    with socket.create_connection(("127.0.0.1", site.port), PATIENCE) as client, contextlib.suppress(OSError):
        begun = f"POST {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n"
        client.sendall(begun.encode())
        while sent < 1 << 30:
            client.sendall(bytes(1 << 16))
            sent += 1 << 16
    return sent


@pytest.mark.parametrize("target", ["/api/docs", "/status", "/api/v1/nowhere"])
def test_a_body_without_end_is_not_read_without_end(new_site, target):
    site = new_site()
    assert endless(site, target) < 32 << 20
    assert site.get("/api/v1/nowhere").status == 404


def test_an_answer_that_comes_late_at_the_end_does_not_put_it_off(new_site):
    site = new_site()
    ann, go_on = site.auth.person(), site.posts.hold("/api/v1/posts/1")
    address = ("127.0.0.1", site.port)
    with (
        socket.create_connection(address, PATIENCE) as slow,
        socket.create_connection(address, PATIENCE) as idle,
    ):
        slow.sendall(
            f"GET /api/v1/posts/1 HTTP/1.1\r\nHost: x\r\nAuthorization: {site.as_(ann)}\r\n\r\n".encode()
        )
        eventually(lambda: site.posts.at("/api/v1/posts/1"))
        idle.sendall(ASK)
        assert idle.recv(12) == b"HTTP/1.1 404"
        site.process.terminate()
        while idle.recv(1 << 16):
            pass  # who was idle is hung up on
        go_on.set()
        assert slow.recv(12) == b"HTTP/1.1 200"
        assert site.process.wait(10) == 0  # and so is who was answered after that, before it would time out


def memory(site):
    """Bytes of the gateway's processes."""
    children = f"/proc/{site.process.pid}/task/{site.process.pid}/children"
    pids = [site.process.pid, *map(int, Path(children).read_text().split())]
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 for pid in pids)


def test_large_answers_that_nobody_takes_fill_no_memory(new_site):
    """Those that have waited longest are given up; who takes his answer gets it."""
    site = new_site()
    large = b"x" * (8 << 20)
    site.posts.script["/api/v1/posts/1"] = answer(200, large)
    bearer = site.as_(site.auth.person())
    asked = f"GET /api/v1/posts/1 HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n\r\n".encode()
    before = memory(site)
    with contextlib.ExitStack() as open_ones:
        for number in range(40):
            slow = open_ones.enter_context(socket.socket())
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(PATIENCE)
            slow.connect(("127.0.0.1", site.port))
            slow.sendall(asked)
            eventually(lambda number=number: len(site.posts.asked) > number)
        assert site.get("/api/v1/posts/1", Authorization=bearer).body == large
        assert memory(site) - before < 200 << 20


def test_bodies_that_were_handed_on_fill_no_memory(new_site):
    site = new_site(limit_text="off")
    ann = site.auth.person()
    asked = f"PUT /api/v1/posts/1 HTTP/1.1\r\nHost: x\r\nAuthorization: {site.as_(ann)}\r\n".encode()
    asked += b"Content-Length: 200000\r\n\r\n" + bytes(200_000)
    with socket.create_connection(("127.0.0.1", site.port), PATIENCE) as busy:

        def put(times):
            for _ in range(times):
                busy.sendall(asked)
                assert busy.recv(65536).startswith(b"HTTP/1.1 200")

        put(20)
        before = memory(site)
        put(150)
    assert memory(site) - before < 15 << 20
