"""Request bodies and framing: limits, one way to frame, and a problem body for what cannot be understood."""

import json
import socket
import time

import pytest

KIB = 1024
LIMIT = 256 * KIB


def from_(site, person):
    return {"Authorization": site.as_(person), "Content_Type": "application/json"}


def head(site, person, path, *lines, method="POST"):
    told = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: {site.as_(person)}", *lines, "", ""]
    return "\r\n".join(told).encode()


def problem(said):
    """The problem body of the first answer in raw bytes."""
    start, _, rest = said.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in start.lower()
    told = json.loads(rest[: rest.index(b"}") + 1])
    assert start.startswith(b"HTTP/1.1 %d " % told["status"])
    assert told["request_id"].encode() in start
    return told


def test_a_body_arrives_whole(site, ann, path):
    body = b"x" * LIMIT
    assert site.ask("PUT", path, body, **from_(site, ann)).status == 200
    [asked] = site.posts.at(path)
    assert asked.body == body
    assert asked.header("Content-Length") == str(LIMIT)


def test_chunks_are_framed_anew(site, ann, path):
    sent = head(site, ann, path, "Transfer-Encoding: chunked", "Connection: close")
    said = site.raw(sent + b"3\r\nabc\r\n4;x=1\r\ndefg\r\n0\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 ")
    [asked] = site.posts.at(path)
    assert (asked.body, asked.header("Content-Length")) == (b"abcdefg", "7")
    assert asked.header("Transfer-Encoding") is None


def test_an_empty_change_says_that_it_is_empty(site, ann, path):
    site.ask("POST", path, **from_(site, ann))
    [asked] = site.posts.at(path)
    assert (asked.body, asked.header("Content-Length")) == (b"", "0")


def test_a_body_that_is_too_large_is_refused_and_the_answer_arrives(site, ann, path):
    got = site.ask("POST", path, b"x" * (LIMIT + 1), **from_(site, ann))
    assert (got.status, got.problem["error"]) == (413, "too large")
    assert "at most 262144 bytes" in got.problem["message"]
    assert site.ask("POST", path, b"x" * KIB * KIB, **from_(site, ann)).status == 413
    assert site.posts.at(path) == []


def test_a_person_who_sends_too_much_is_told_how_to_keep_it(site):
    got = site.ask("POST", "/", b"x" * (KIB * KIB + 1), Accept="text/html")
    assert (got.status, got.headers["Content-Type"]) == (413, "text/html; charset=utf-8")
    assert b"Go back, make it shorter" in got.body


def test_chunks_that_are_too_many_are_refused(site, ann, path):
    sent = head(site, ann, path, "Transfer-Encoding: chunked", "Connection: close")
    said = site.raw(
        sent + b"10000\r\n" + b"x" * 65536 + b"\r\n" + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 4
    )
    assert problem(said)["status"] == 413
    assert site.posts.at(path) == []


def test_the_checks_come_in_their_order(site, path):
    big = b"x" * (LIMIT + 1)
    assert site.ask("POST", "/api/v1/%2e", big).status == 400
    assert site.ask("POST", "/api/v1/nowhere", big).status == 404
    assert site.ask("POST", path, big).status == 413
    assert site.ask("POST", path, b"{}").status == 401


def test_a_refused_body_does_not_spoil_the_connection(site, ann, path):
    refused = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n".encode()
        + b"GET / HTTP/1.1\r\n\r\n\r\n"
    )
    good = head(site, ann, path, "Connection: close", method="GET")
    said = site.raw(refused + good)
    assert said.count(b"HTTP/1.1 ") == 2
    assert said.startswith(b"HTTP/1.1 401 ")
    assert b"HTTP/1.1 200 " in said


def test_pipelined_requests_get_their_own_answers_in_order(site, ann, path):
    for number in range(3):
        site.posts.script[f"{path}{number}"] = (
            b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nanswer %d" % number
        )
    sent = [head(site, ann, f"{path}{number}", "X: 1", method="GET") for number in range(2)]
    said = site.raw(b"".join(sent) + head(site, ann, f"{path}2", "Connection: close", method="GET"))
    assert [said.index(b"answer %d" % number) for number in range(3)] == sorted(
        said.index(b"answer %d" % number) for number in range(3)
    )
    assert said.count(b"HTTP/1.1 200 ") == 3


@pytest.mark.parametrize(
    "lines", [("Connection: TE, close",), ("Connection: keep-alive", "Connection: close")]
)
def test_who_says_anywhere_that_it_is_the_last_is_heard(site, ann, path, lines):
    said = site.raw(head(site, ann, path, *lines, method="GET") + head(site, ann, path, method="GET"))
    assert (said.count(b"HTTP/1.1 200 "), said.count(b"Connection: close")) == (1, 1)
    assert len(site.posts.at(path)) == 1


def test_an_encoded_body_is_refused(site, ann, path):
    got = site.ask("POST", path, b"x", Content_Encoding="gzip", **from_(site, ann))
    assert (got.status, got.problem["error"]) == (415, "unsupported media type")


def test_who_waits_for_leave_to_send_gets_it(site, ann, path):
    with socket.create_connection(("127.0.0.1", site.port), 10) as client:
        client.sendall(
            head(site, ann, path, "Content-Length: 2", "Expect: 100-continue", "Connection: close")
        )
        assert client.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        client.sendall(b"{}")
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")


def test_a_slow_client_s_time_is_not_the_service_s(new_site, path):
    site = new_site(request_seconds="1")
    ann = site.auth.person()
    with socket.create_connection(("127.0.0.1", site.port), 10) as client:
        client.sendall(head(site, ann, path, "Content-Length: 2", "Connection: close") + b"{")
        time.sleep(1.1)  # longer than a service may take
        client.sendall(b"}")
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    [asked] = site.posts.at(path)
    assert 0 < int(asked.header("X-Deadline-Ms")) <= 1000


def test_a_body_that_trickles_is_given_up(new_site, path):
    site = new_site(body_seconds="0.1")
    ann = site.auth.person()
    said = site.raw(head(site, ann, path, "Content-Length: 10") + b"ab", end_of_input=False)
    assert problem(said)["status"] == 408
    assert site.posts.at(path) == []


@pytest.mark.parametrize(
    ("lines", "rest"),
    [
        (["Content-Length: 10"], b"ab"),
        (["Transfer-Encoding: chunked"], b"5\r\nab"),
        (["Transfer-Encoding: chunked"], b"zz\r\n"),
        (["Transfer-Encoding: chunked"], b"2\r\nabc\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"2\nab\n0\n\n"),
    ],
)
def test_a_body_that_ends_early_or_is_badly_framed_is_refused(site, ann, path, lines, rest):
    said = site.raw(head(site, ann, path, *lines) + rest)
    assert problem(said)["status"] == 400
    assert said.count(b"HTTP/1.1 ") == 1
    assert site.posts.at(path) == []


def lines(number, value):
    return b"".join(b"X%d: %s\r\n" % (each, value) for each in range(number))


GET = b"GET /api/v1/posts/1 HTTP/1.1\r\n"
POST = b"POST /api/v1/posts/ HTTP/1.1\r\nHost: x\r\n"
UNCLEAR = {
    "length and chunks": (400, POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "two lengths": (400, POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
    "two lengths in one": (400, POST + b"Content-Length: 2, 2\r\n\r\n{}"),
    "signed length": (400, POST + b"Content-Length: +2\r\n\r\n{}"),
    "negative length": (400, POST + b"Content-Length: -2\r\n\r\n{}"),
    "hex length": (400, POST + b"Content-Length: 0x2\r\n\r\n{}"),
    "superscript length": (400, POST + b"Content-Length: \xb2\r\n\r\n{}"),
    "unknown coding": (400, POST + b"Transfer-Encoding: xchunked\r\n\r\n"),
    "chunked twice": (400, POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    "chunked not last": (400, POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    "chunks in 1.0": (400, POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "space before colon": (400, POST + b"Content-Length : 2\r\n\r\n{}"),
    "folded": (400, GET + b"Host: x\r\nX: 1\r\n 2\r\n\r\n"),
    "bare line feed": (400, b"GET / HTTP/1.1\nHost: x\n\n"),
    "two hosts": (400, GET + b"Host: x\r\nHost: y\r\n\r\n"),
    "no host": (400, GET + b"X: y\r\n\r\n"),
    "NUL in a header": (400, GET + b"Host: x\r\nX: a\x00b\r\n\r\n"),
    "no colon": (400, GET + b"Host: x\r\nnonsense\r\n\r\n"),
    "bad method": (400, b"G(T / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "bad version": (400, b"GET / HTTP/9.9\r\nHost: x\r\n\r\n"),
    "nonsense": (400, b"nonsense\r\n\r\n"),
    "tunnel": (400, b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
    "absolute": (400, b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    "expectation": (417, POST + b"Content-Length: 2\r\nExpect: a-miracle\r\n\r\n{}"),
    "long address": (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    "long header": (431, GET + b"Host: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n"),
    "long headers": (431, GET + b"Host: x\r\n" + lines(3, b"a" * 6000) + b"\r\n"),
    "many headers": (431, GET + b"Host: x\r\n" + lines(100, b"1") + b"\r\n"),
}  # fmt: skip


@pytest.mark.parametrize(("status", "sent"), UNCLEAR.values(), ids=UNCLEAR.keys())
def test_a_request_that_can_be_read_in_two_ways_is_refused_with_a_problem(site, status, sent):
    said = site.raw(sent.replace(b"\r\n\r\n", b"\r\nAccept: application/json\r\n\r\n", 1))
    assert problem(said)["status"] == status
    assert said.count(b"HTTP/1.1 ") == 1, "what follows is no request of its own"
    assert b"x-content-type-options: nosniff" in said.lower()
