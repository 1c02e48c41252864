"""Headers that go through, come back, are added, and are kept away."""

import re

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
