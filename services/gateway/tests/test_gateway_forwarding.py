"""Answers of services, good and broken, and what is tried once more."""

import threading

import pytest


def from_(site, person, **headers):
    return headers | {"Authorization": site.as_(person)}


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GOOD = {
    "chunks": (CHUNKED + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", b"hello world"),
    "trailers": (CHUNKED + b"2\r\n{}\r\n0\r\nX-Late: 1\r\n\r\n", b"{}"),
    "no chunk": (CHUNKED + b"0\r\n\r\n", b""),
    "interim answers": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"{}",
    ),
    "old": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
    "strange status": (b"HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
    "large": (b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000, b"x" * 300_000),
    "more than it said": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\n", b"{}"),
}


@pytest.mark.parametrize(("answer", "body"), GOOD.values(), ids=GOOD.keys())
def test_every_good_framing_is_understood(site, ann, path, answer, body):
    site.posts.script[path] = answer
    for _ in range(2):
        got = site.get(path, **from_(site, ann))
        assert (got.status // 100, got.body) == (2, body)
        assert got.headers["Content-Length"] == str(len(body))


OK = b"HTTP/1.1 200 OK\r\n"
BROKEN = {
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "length and chunks": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad length": OK + b"Content-Length: +2\r\n\r\n{}",
    "no length": OK + b"\r\n{}",
    "unknown coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks in 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad chunk size": CHUNKED + b"zz\r\n",
    "chunk too long": CHUNKED + b"2\r\n{}}\r\n0\r\n\r\n",
    "cut chunk": CHUNKED + b"9\r\nhello",
    "cut body": OK + b"Content-Length: 20\r\n\r\nhalf",
    "cut head": OK + b"Content-Le",
    "folded header": OK + b"X: 1\r\n 2\r\nContent-Length: 2\r\n\r\n{}",
    "bare line feed": OK + b"X: 1\nContent-Length: 2\r\n\r\n{}",
    "bad header name": OK + b"X y: 1\r\nContent-Length: 2\r\n\r\n{}",
    "not HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "future HTTP": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "switching": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
    "endless head": OK + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
    "huge": OK + b"Content-Length: 99999999\r\n\r\n",
    "huge chunk": CHUNKED + b"fffffff\r\n",
}


@pytest.fixture(scope="module")
def fragile(shared):
    """A site whose breaker these tests may trouble."""
    site = type(shared)()
    site.start()
    yield site
    site.end()


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_answer_is_a_502_in_plain_words(fragile, path, answer, said):
    def breaks(asked, connection):
        connection.sendall(answer)

    ann = fragile.auth.person()
    fragile.posts.script[path] = breaks
    got = fragile.get(path, **from_(fragile, ann))
    assert got.status == 502
    assert got.problem["message"] == "Posts and comments gave no usable answer."
    assert "127.0.0.1" not in got.body.decode()
    assert len(fragile.posts.at(path)) == 1
    assert fragile.get(path.replace("posts", "comments"), **from_(fragile, ann)).status == 200, (
        "not the next one's"
    )


ENDLESS = {
    "chunk line": CHUNKED + b"5;" + b"x" * 70_000,
    "chunks in all": CHUNKED + (b"800000\r\n" + b"x" * 0x800000 + b"\r\n") * 5 + b"0\r\n\r\n",
}


@pytest.mark.parametrize("answer", ENDLESS.values(), ids=ENDLESS.keys())
def test_an_answer_without_an_end_is_not_read_to_its_end(fragile, path, answer):
    read = threading.Event()

    def goes_on(asked, connection):
        connection.sendall(answer)
        read.wait(10)

    ann = fragile.auth.person()
    fragile.posts.script[path] = goes_on
    got = fragile.get(path, **from_(fragile, ann))
    read.set()
    assert (got.status, got.problem["message"]) == (502, "Posts and comments gave no usable answer.")
    assert fragile.get(f"{path}1", **from_(fragile, ann)).status == 200


def test_a_change_that_got_no_answer_may_have_been_made(fragile, path):
    ann = fragile.auth.person()
    fragile.posts.script[path] = lambda asked, connection: None
    got = fragile.ask("POST", path, b"{}", **from_(fragile, ann))
    assert got.status == 502
    assert "may have been made or not" in got.problem["message"]
    assert len(fragile.posts.at(path)) == 1


def silent(times):
    """A service that hangs up without a word so many times, then answers."""
    left = [None] * times

    def say(asked, connection):
        return left.pop() if left else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    return say


KEY = {"Idempotency_Key": "k"}


@pytest.mark.parametrize(
    ("method", "below", "headers", "status", "times"),
    [
        ("GET", "", {}, 200, 2),
        ("HEAD", "", {}, 200, 2),
        ("POST", "/comments/", {}, 502, 1),
        ("PUT", "", KEY, 502, 1),
        ("DELETE", "", KEY, 502, 1),
        ("POST", "/comments/", KEY, 200, 2),
    ],
)
def test_what_may_be_repeated_is_tried_once_more(fragile, path, method, below, headers, status, times):
    ann = fragile.auth.person()
    for _ in range(12):  # second tries must have been earned
        assert fragile.get(path, **from_(fragile, ann)).status == 200
    before = fragile.metric('gateway_upstream_retries_total{upstream="posts"}')
    del fragile.posts.asked[:]
    path += below
    fragile.posts.script[path] = silent(1)
    assert fragile.ask(method, path, **from_(fragile, ann, **headers)).status == status
    assert len(fragile.posts.at(path)) == times
    assert fragile.metric('gateway_upstream_retries_total{upstream="posts"}') == before + times - 1


@pytest.mark.parametrize(
    ("service", "target"),
    [
        ("web", "/"),
        ("auth", "/api/v1/users/me/second-factor/recovery-codes"),
        ("posts", "/api/v1/preview"),
        ("posts", "/api/v1/posts/7"),
    ],
)
def test_a_key_makes_nothing_repeatable_where_no_service_looks_at_it(fragile, service, target):
    ann, behind = fragile.auth.person(), getattr(fragile, service)
    reads = f"/api/v1/users/{ann.sub}" if service == "auth" else target
    for _ in range(12):  # second tries have been earned
        assert fragile.get(reads, **from_(fragile, ann)).status == 200
    behind.script[target] = silent(1)
    got = fragile.ask("POST", target, b"{}", **from_(fragile, ann, **KEY))
    del behind.script[target]
    assert (got.status, "may have been made or not" in got.body.decode()) == (502, True)
    assert [asked.method for asked in behind.at(target)].count("POST") == 1


def test_second_tries_are_at_most_a_tenth(new_site, path):
    site = new_site()
    ann = site.auth.person()
    for number in range(60):
        site.posts.script[f"{path}{number}"] = silent(2 * (number % 2))
        site.get(f"{path}{number}", **from_(site, ann))
    assert 60 < len(site.posts.asked) <= 66


def test_an_answer_that_began_is_never_asked_for_again(fragile, path):
    def half(asked, connection):
        connection.sendall(b"H")

    ann = fragile.auth.person()
    fragile.posts.script[path] = half
    assert fragile.get(path, **from_(fragile, ann)).status == 502
    assert len(fragile.posts.at(path)) == 1
