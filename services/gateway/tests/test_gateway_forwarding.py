"""The hop to a service: what goes in, what comes back, and what happens when nothing good does."""

import contextlib
import re
import socket
import threading
import time

import pytest

SPOOFED = {
    "X_User_Id": "1",
    "X_Forwarded_User": "admin",
    "X_Real_Ip": "1.2.3.4",
    "Await_Events": "posts.post_published.v1:1",
    "Event_Ids": "posts.post_published.v1:1",
    "Identity_Changed": "1",
    "X_Deadline_Ms": "999999",
    "X_Forwarded_For": "1.2.3.4",
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Host": "evil.example",
    "Forwarded": "for=1.2.3.4",
    "Proxy_Authorization": "Basic x",
    "Upgrade": "websocket",
    "TE": "trailers",
    "Range": "bytes=0-1",
    "X_Http_Method_Override": "DELETE",
    "X_Original_Url": "/internal/changes",
}


def from_(site, person, **headers):
    return headers | {"Authorization": site.as_(person)}


def test_only_headers_of_the_list_reach_a_service(site, ann, path):
    good = {
        "Accept": "application/json",
        "Accept_Encoding": "gzip",
        "Accept_Language": "de",
        "Content_Type": "application/json",
        "If_Match": '"1"',
        "If_None_Match": '"2"',
        "If_Modified_Since": "Fri, 20 Nov 2026 22:28:20 GMT",
        "Idempotency_Key": "k-1",
        "User_Agent": "tests",
    }
    site.ask("POST", path, b"{}", **from_(site, ann, **good, **SPOOFED))
    [asked] = site.posts.at(path)
    for name, value in good.items():
        assert asked.header(name.replace("_", "-")) == value
    assert {name.lower() for name, _ in asked.headers} == {
        *(name.replace("_", "-").lower() for name in good),
        *("host", "x-request-id", "traceparent", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"),
        *("authorization", "content-length", "x-deadline-ms"),
    }
    assert asked.header("Host") == f"127.0.0.1:{site.posts.port}"
    assert asked.header("X-Forwarded-For") == "127.0.0.1"
    assert asked.header("X-Forwarded-Proto") == "http"
    assert asked.header("X-Forwarded-Host") == f"127.0.0.1:{site.port}"
    assert 0 < int(asked.header("X-Deadline-Ms")) <= 5000


@pytest.mark.parametrize("name", ["Authorization", "AUTHORIZATION", "aUTHorization"])
def test_headers_spelled_with_underscores_are_not_headers(site, path, name):
    got = site.raw(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{name}_: x\r\nX_User: 1\r\n"
        f"HTTP_AUTHORIZATION: Bearer x\r\nSCRIPT_NAME: /api\r\nPATH_INFO: /api/v1/users/\r\n\r\n".encode()
    )
    assert got.startswith(b"HTTP/1.1 401 ")


def test_naming_a_header_in_connection_does_not_take_the_identity_away(site, ann, path):
    got = site.get(path, **from_(site, ann, Connection="close, Authorization, X-Request-Id, X-Forwarded-For"))
    assert got.status == 200
    [asked] = site.posts.at(path)
    assert asked.header("Authorization") == f"Bearer {ann.token}"
    assert asked.header("X-Forwarded-For") == "127.0.0.1"


def test_hops_that_we_trust_tell_who_the_client_is(new_site, path):
    site = new_site(trusted_hops="1")
    ann = site.auth.person()
    told = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "flasky.example"}
    site.get(path, **from_(site, ann, X_Forwarded_For="6.6.6.6, 203.0.113.9", **told))
    nowhere = {"X_Forwarded_Proto": "gopher", "X_Forwarded_Host": "flasky.example/evil"}
    site.get(path, **from_(site, ann, X_Forwarded_For="6.6.6.6, no address", **nowhere))
    told, lied = site.posts.at(path)
    names = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
    assert [told.header(name) for name in names] == ["203.0.113.9", "https", "flasky.example"]
    assert [lied.header(name) for name in names] == ["127.0.0.1", "http", None]


def test_request_id_and_trace_go_through_and_come_back(site, ann, path):
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    got = site.get(path, **from_(site, ann, X_Request_Id="my-request.1", traceparent=trace))
    [asked] = site.posts.at(path)
    assert got.headers["X-Request-Id"] == asked.header("X-Request-Id") == "my-request.1"
    assert asked.header("traceparent") == trace
    line = site.logged("my-request.1")
    assert (line["trace_id"], line["route"], line["upstream"]) == ("a" * 32, "/api/v1/posts/<int>", "posts")
    assert (line["status"], line["user"]) == (200, int(ann.sub))


def test_malformed_ids_are_replaced(site, ann, path):
    got = site.get(path, **from_(site, ann, X_Request_Id='"><x>', traceparent="zz"))
    [asked] = site.posts.at(path)
    assert re.fullmatch(r"[0-9a-f]{24}", got.headers["X-Request-Id"])
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", asked.header("traceparent"))


def test_what_is_internal_or_of_this_hop_does_not_reach_the_client(site, ann, path, said):
    hidden = [
        "Server: secret/1.0",
        "Event-Ids: posts.post_published.v1:1",
        "Identity-Changed: 12",
        "Await-Events: x",
        "traceparent: 00-a-b-01",
        "Keep-Alive: timeout=5",
        "Proxy-Authenticate: Basic",
        "Upgrade: h2c",
        "Trailer: x",
        "X-Hop: 1",
        "Connection: keep-alive, X-Hop",
        "X-Request-Id: other",
    ]
    site.posts.script[path] = said(200, b"{}", *hidden, 'ETag: "7"', "Location: http://x/", "Link: <x>")
    got = site.get(path, **from_(site, ann))
    assert (got.headers["ETag"], got.headers["Location"], got.headers["Link"]) == ('"7"', "http://x/", "<x>")
    text = str(got.headers).lower()
    for name in (
        "secret",
        "event-ids",
        "identity-changed",
        "await-events",
        "traceparent",
        "keep-alive:",
        "x-hop",
    ):
        assert name not in text
    for name in ("proxy-authenticate", "upgrade", "trailer", "other"):
        assert name not in text
    assert len(got.headers.get_all("X-Request-Id")) == len(got.headers.get_all("Date")) == 1


@pytest.mark.parametrize(
    "target", ["/api/v1/posts/1", "/nowhere", "/", "/%2e", "/avatar/aa.svg", "/api/docs"]
)
def test_every_answer_carries_the_security_headers(site, target):
    got = site.get(target)
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Referrer-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in got.headers["Content-Security-Policy"]
    assert "unsafe" not in got.headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in got.headers
    assert got.headers["X-Request-Id"]
    for name in ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Content-Type"):
        assert len(got.headers.get_all(name)) == 1


def test_personal_answers_are_not_stored_unless_the_service_knows_better(site, ann, path, said):
    assert site.get(path, **from_(site, ann)).headers["Cache-Control"] == "no-store"
    site.posts.script[path] = said(200, b"{}", "Cache-Control: private, no-cache")
    assert site.get(path, **from_(site, ann)).headers["Cache-Control"] == "private, no-cache"
    assert "Cache-Control" not in site.get("/avatar/0a.svg").headers
    assert site.get(path).headers["Cache-Control"] == "no-store"


def test_a_401_of_a_service_carries_the_challenge_and_nothing_else_does(site, ann, path, said):
    site.posts.script[path] = said(401, b"{}", "WWW-Authenticate: Negotiate")
    assert site.get(path, **from_(site, ann)).headers.get_all("WWW-Authenticate") == [
        'Basic realm="Flasky", Bearer'
    ]
    site.posts.script[path] = said(403, b"{}", "WWW-Authenticate: Negotiate")
    assert "WWW-Authenticate" not in site.get(path, **from_(site, ann)).headers


def test_head_answers_have_a_length_and_no_body(site, ann, path, said):
    site.posts.script[path] = said(200, b"", "Content-Length: 1234", length=False)
    for _ in range(2):
        got = site.ask("HEAD", path, **from_(site, ann))
        assert (got.status, got.headers["Content-Length"], got.body) == (200, "1234", b"")


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body_have_no_length(site, ann, path, said, status):
    site.posts.script[path] = said(status, b"", 'ETag: "1"', length=False)
    for _ in range(2):
        got = site.get(path, **from_(site, ann))
        assert (got.status, got.body, got.headers["Content-Length"]) == (status, b"", None)


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


def test_connections_are_kept(new_site, path):
    site = new_site()
    ann = site.auth.person()
    for _ in range(10):
        assert site.get(path, **from_(site, ann)).status == 200
    assert site.posts.connections == 1


def test_a_connection_that_the_service_closed_meanwhile_costs_nobody_an_answer(new_site, path, eventually):
    """Not even a change, which is never sent twice: the end is seen before anything is sent."""
    site = new_site()
    ann = site.auth.person()
    assert site.get(path, **from_(site, ann)).status == 200
    site.posts.stop()
    site.posts.start()
    assert site.ask("POST", path, b"{}", **from_(site, ann)).status == 200
    assert [asked.method for asked in site.posts.at(path)] == ["GET", "POST"]
    assert site.metric('gateway_upstream_retries_total{upstream="posts"}') == 0


def test_a_part_that_is_away_is_told_at_once_and_comes_back_by_itself(new_site, path, eventually):
    site = new_site()
    ann = site.auth.person()
    assert site.get(path, **from_(site, ann)).status == 200
    site.posts.stop()
    for _ in range(12):
        got = site.get(path, **from_(site, ann))
        assert (got.status, got.headers["Retry-After"]) == (503, "2")
        assert (
            got.problem["message"] == "Posts and comments are not available right now. Try again in a moment."
        )
    assert site.metric('gateway_breaker_open{upstream="posts"}') == 1
    assert site.metric('gateway_upstream_tries_total{outcome="failed",upstream="posts"}') < 8, "left alone"
    timeline = f"/api/v1/users/{ann.sub}/timeline/"
    assert site.get(timeline, **from_(site, ann)).status == 200, "the others go on"
    site.posts.start()
    eventually(lambda: site.get(path, **from_(site, ann)).status == 200)
    assert site.metric('gateway_breaker_open{upstream="posts"}') == 0


def test_a_service_that_hangs_is_waited_for_only_so_long(new_site, path):
    site = new_site(request_seconds="0.2")
    ann = site.auth.person()
    go_on = threading.Event()
    site.posts.script[path] = lambda asked, connection: go_on.wait(10) and None
    started = time.monotonic()
    got = site.get(path, **from_(site, ann))
    assert (got.status, got.problem["message"]) == (504, "Posts and comments did not answer in time.")
    assert time.monotonic() - started < 2
    assert len(site.posts.at(path)) == 1
    assert int(site.posts.at(path)[0].header("X-Deadline-Ms")) <= 200
    got = site.ask("POST", path, b"{}", **from_(site, ann))
    assert "may have been made or not" in got.problem["message"]
    go_on.set()


def test_a_full_service_refuses_at_once_and_troubles_nobody_else(new_site, path, eventually):
    site = new_site(upstream_connections="2", upstream_waiting="0")
    ann = site.auth.person()
    go_on = threading.Event()

    def slowly(asked, connection):
        go_on.wait(10)
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    site.posts.script[path] = slowly
    found = []
    crowd = [
        threading.Thread(target=lambda: found.append(site.get(path, **from_(site, ann)).status))
        for _ in range(2)
    ]
    for one in crowd:
        one.start()
    eventually(lambda: len(site.posts.at(path)) == 2)
    got = site.get(path, **from_(site, ann))
    assert (got.status, got.headers["Retry-After"]) == (503, "1")
    assert "too many requests at once" in got.problem["message"]
    assert site.get(f"/api/v1/users/{ann.sub}/timeline/", **from_(site, ann)).status == 200
    go_on.set()
    for one in crowd:
        one.join()
    assert found == [200, 200]


def test_a_place_that_becomes_free_is_taken_by_who_waits(new_site, path, crowd):
    site = new_site(upstream_connections="1", upstream_waiting="8")
    ann = site.auth.person()
    assert crowd(8, lambda: site.get(path, **from_(site, ann)).status) == [200] * 8
    assert site.posts.connections == 1


def test_who_would_wait_too_long_is_refused_before_anything_is_done_for_them(new_site, path, eventually):
    """Neither are they asked who they are (that would be 401 here), nor is what they send read."""
    site = new_site(upstream_connections="1", upstream_waiting="8")
    ann = site.auth.person()
    go_on = threading.Event()

    def slowly(asked, connection):
        go_on.wait(10)
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    site.posts.script[path] = slowly
    found = []
    crowd = [
        threading.Thread(target=lambda: found.append(site.get(path, **from_(site, ann)).status))
        for _ in range(2)
    ]
    for one in crowd:
        one.start()
    stranger = {"Authorization": "Bearer a.b.c"}
    got = eventually(lambda: refused(site.ask("POST", path, b"{}", **stranger)))
    assert (got.headers["Retry-After"], got.problem["status"]) == ("1", 503)
    assert site.metric('gateway_shed_total{upstream="posts"}') >= 1
    go_on.set()
    for one in crowd:
        one.join()
    assert found == [200, 200], "who was let in is served"
    assert site.ask("POST", path, b"{}", **stranger).status == 401


def refused(got):
    return got if got.status == 503 else None


def test_who_waited_in_vain_is_no_failure_and_no_longer_in_line(new_site, path, eventually, crowd):
    """Six are more than a breaker bears, and would be in line for longer than anybody waits."""
    site = new_site(upstream_connections="1", upstream_waiting="8", request_seconds="10")
    ann = site.auth.person()
    go_on = threading.Event()
    site.posts.script[path] = lambda asked, connection: go_on.wait(10) and OK + b"Content-Length: 2\r\n\r\n{}"
    first = threading.Thread(target=site.get, args=[path], kwargs=from_(site, ann))
    first.start()
    eventually(lambda: site.posts.at(path))
    assert crowd(6, lambda: site.get(path, **from_(site, ann)).status) == [503] * 6
    assert site.metric('gateway_breaker_open{upstream="posts"}') == 0
    go_on.set()
    first.join()
    assert site.get(f"{path}1", **from_(site, ann)).status == 200


def test_a_service_that_takes_no_connection_is_not_waited_for(new_site, path):
    """Its machine is away: nothing refuses, nothing answers."""
    with contextlib.ExitStack() as open_ones:
        deaf = open_ones.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # its line is full
            client = open_ones.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(deaf.getsockname())
        site = new_site(posts_url=f"http://127.0.0.1:{deaf.getsockname()[1]}")
        ann, began = site.auth.person(), time.monotonic()
        got = site.get(path, **from_(site, ann))
    assert (got.status, got.problem["message"][:45]) == (503, "Posts and comments are not available right no")
    assert time.monotonic() - began < 4  # two tries of half a second
