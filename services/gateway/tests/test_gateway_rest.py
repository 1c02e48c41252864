"""Read your own writes, other sites, the gateway's own pages, health, metrics, and the end of the process."""

import json
import socket
import threading
import time

import pytest

from gateway import awaiting, openapi
from gateway.awaiting import Awaiting

PUBLISHED = "posts.post_published.v1:5f3b2a52-0000-4000-8000-000000000001"
EDITED = "posts.post_edited.v1:5f3b2a52-0000-4000-8000-000000000002"


def from_(site, person, **headers):
    return headers | {"Authorization": site.as_(person)}


# --- read your own writes ---


def write(site, person, path, said, events):
    site.posts.script[path] = said(200, b"{}", f"Event-Ids: {events}")
    got = site.ask("PUT", path, b"{}", **from_(site, person))
    assert "Event-Ids" not in got.headers


def awaited(site, person, path):
    """What a later read of this person is told to wait for."""
    timeline = f"/api/v1/users/{path.rpartition('/')[2]}/timeline/"
    assert site.get(timeline, **from_(site, person)).status == 200
    return site.social.at(timeline)[-1].header("Await-Events")


def test_a_later_read_waits_for_ones_own_writes(site, ann, path, said):
    assert awaited(site, ann, path) is None
    write(site, ann, path, said, PUBLISHED)
    write(site, ann, path, said, EDITED)
    assert awaited(site, ann, path) == f"{PUBLISHED}, {EDITED}"
    assert awaited(site, ann, path) == f"{PUBLISHED}, {EDITED}", "and so does the next one"


def test_nobody_waits_for_the_writes_of_others(site, ann, path, said):
    write(site, ann, path, said, PUBLISHED)
    assert awaited(site, site.auth.person(), path) is None


def test_a_setting_makes_everybody_wait_for_every_write(new_site, path, said):
    site = new_site(read_your_writes="all")
    write(site, site.auth.person(), path, said, f"{PUBLISHED}, {EDITED}")
    assert awaited(site, site.auth.person(), path) == f"{PUBLISHED}, {EDITED}"


def test_a_setting_makes_nobody_wait(new_site, path, said):
    site = new_site(read_your_writes="off")
    ann = site.auth.person()
    write(site, ann, path, said, PUBLISHED)
    assert awaited(site, ann, path) is None


def test_writes_are_forgotten_after_a_few_seconds(monkeypatch):
    now = 100.0
    monkeypatch.setattr(awaiting.time, "monotonic", lambda: now)
    kept = Awaiting()
    kept.remember("1", "a.v1:1")
    now = 103.0
    kept.remember("1", "a.v1:2")
    now = 106.0
    assert kept.events("1") == "a.v1:2"
    now = 109.0
    assert kept.events("1") == ""
    assert kept.events("2") == ""


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(awaiting, "MOST_CALLERS", 2)
    kept = Awaiting()
    kept.remember("", "a.v1:0")
    for caller in "123":
        kept.remember(caller, ", ".join(f"a.v1:{number}" for number in range(30)))
    assert kept.events("1") == ""
    assert kept.events("3").count(",") == awaiting.MOST_EVENTS - 1


# --- other sites ---


@pytest.fixture(scope="module")
def open_site(shared):
    """A site whose API the pages of one other site may use."""
    site = type(shared)(settings={"CORS_ORIGINS": "https://app.example, https://two.example/"})
    site.start()
    yield site
    site.end()


PREFLIGHT = {"Access_Control_Request_Method": "PUT", "Access_Control_Request_Headers": "authorization"}


@pytest.mark.parametrize("origin", ["https://app.example", "https://two.example"])
def test_a_known_site_may_ask_first(open_site, path, origin):
    got = open_site.ask("OPTIONS", path, Origin=origin, **PREFLIGHT)
    assert (got.status, got.body) == (204, b"")
    assert got.headers["Access-Control-Allow-Origin"] == origin
    assert "PUT" in got.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in got.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in got.headers
    assert open_site.posts.at(path) == []


def test_a_known_site_may_read_answers_and_refusals(open_site, path):
    ann = open_site.auth.person()
    for headers, status in ((from_(open_site, ann), 200), ({}, 401)):
        got = open_site.get(path, Origin="https://app.example", **headers)
        assert (got.status, got.headers["Access-Control-Allow-Origin"]) == (status, "https://app.example")
        exposed = got.headers["Access-Control-Expose-Headers"].split(", ")
        assert {"Location", "ETag", "Retry-After", "Idempotency-Replayed", "X-Request-Id"} <= set(exposed)
        assert got.headers["Vary"] == "Origin"


def test_a_known_site_may_make_changes_with_a_token_but_not_with_a_cookie(open_site, path):
    ann = open_site.auth.person()
    there = {"Origin": "https://app.example", "Sec_Fetch_Site": "cross-site"}
    assert open_site.ask("PUT", path, b"{}", **from_(open_site, ann, **there)).status == 200
    assert open_site.ask("PUT", path, b"{}", Cookie=f"session={ann.session}", **there).status == 403


def test_a_known_site_is_told_that_nothing_is_there(open_site):
    got = open_site.ask("OPTIONS", "/api/v1/nowhere", Origin="https://app.example", **PREFLIGHT)
    assert got.status == 404


def test_a_strange_site_is_told_nothing(open_site, path):
    got = open_site.ask("OPTIONS", path, Origin="https://evil.example", **PREFLIGHT)
    assert got.status == 200, "as any OPTIONS: by the service"
    assert "Access-Control-Allow-Origin" not in got.headers
    assert got.headers["Vary"] == "Origin"


def test_without_the_setting_no_site_may(site, path):
    got = site.ask("OPTIONS", path, Origin="https://app.example", **PREFLIGHT)
    assert "Access-Control-Allow-Origin" not in got.headers
    assert len(site.posts.at(path)) == 1


# --- pages ---


@pytest.mark.parametrize("page", ["/api/docs"])
def test_pages_hold_nothing_that_their_policy_forbids(site, page):
    got = site.get(page)
    text = got.body.decode()
    assert "script-src 'self'" in got.headers["Content-Security-Policy"]
    for forbidden in ("style=", "<style", "onclick", "https://", "http://"):
        assert forbidden not in text
    for line in text.splitlines():
        assert "<script" not in line or 'src="/api/docs/' in line
    for part in text.split('"'):
        if part.startswith("/"):
            assert site.get(part).status == 200, part


def test_the_files_of_the_documentation_may_be_kept_a_while(site):
    got = site.get("/api/docs/swagger-ui.css")
    assert (got.status, got.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert "max-age=86400" in got.headers["Cache-Control"]
    assert site.get("/api/docs/swagger-ui.css", If_None_Match=got.headers["ETag"]).status == 304
    assert site.get("/api/docs/LICENSE.txt").status == 200
    assert site.get("/api/docs/other.css").problem["status"] == 404


def test_the_api_document_is_the_committed_one(site):
    got = site.get("/api/v1/openapi.json")
    assert (got.status, got.headers["Content-Type"]) == (200, "application/json")
    assert got.json() == json.loads(openapi.MERGED.read_text())


# --- the merged document ---


def document(path, **schemas):
    operation = {"operationId": "read", "responses": {"200": {"description": "Done"}}}
    return {
        "paths": {path: {"get": operation}},
        "components": {"schemas": schemas, "securitySchemes": {"x": {}}},
    }


def test_documents_are_merged_under_one_roof():
    problem = {"type": "object"}
    told = openapi.merged({"a": document("/a", Problem=problem), "b": document("/b", Problem=problem, B={})})
    assert list(told["paths"]) == ["/a", "/b"]
    assert told["components"]["schemas"] == {"Problem": problem, "B": {}}
    assert set(told["components"]["securitySchemes"]) == {"basic", "bearer"}
    assert told["paths"]["/a"]["get"]["tags"] == ["a"]
    assert told["paths"]["/a"]["get"]["operationId"] != told["paths"]["/b"]["get"]["operationId"]


@pytest.mark.parametrize("other", [document("/a"), document("/b", Problem={"type": "string"})])
def test_documents_that_contradict_each_other_are_refused(other):
    with pytest.raises(openapi.Clash):
        openapi.merged({"a": document("/a", Problem={"type": "object"}), "b": other})


def test_the_document_is_written_from_the_contracts_of_the_services(tmp_path, monkeypatch, capsys):
    for name in openapi.SERVICES:
        (tmp_path / name / "contract").mkdir(parents=True)
        (tmp_path / name / "contract" / "openapi.json").write_text(json.dumps(document(f"/{name}")))
    monkeypatch.setattr(openapi, "MERGED", tmp_path / "openapi.json")
    monkeypatch.setattr(openapi, "CONTRACTS", tmp_path)
    openapi.main()
    assert list(json.loads((tmp_path / "openapi.json").read_text())["paths"]) == [
        "/auth",
        "/posts",
        "/social",
    ]
    assert "openapi.json" in capsys.readouterr().out


def test_a_missing_contract_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(openapi, "CONTRACTS", tmp_path)
    with pytest.raises(SystemExit, match="was not written"):
        openapi.main()


# --- health, metrics, the end ---


def test_health_and_metrics_are_on_their_own_port(site, ann, path):
    site.get(path, **from_(site, ann))
    assert site.ops("/livez").status == 200
    assert site.ops("/readyz").json()["checks"] == {"keys": "good", "changes": "good"}
    assert site.ops("/api/v1/posts/").status == 404
    assert site.metric('http_requests_total{method="GET",route="/api/v1/posts/<int>",status="200"}') >= 1
    assert site.metric('http_request_duration_seconds_count{method="GET",route="/api/v1/posts/<int>"}') >= 1
    assert site.metric('gateway_upstream_tries_total{outcome="answered",upstream="posts"}') >= 1
    assert site.metric('gateway_identities_total{way="verified"}') >= 1
    assert site.metric('gateway_breaker_open{upstream="posts"}') == 0


def test_strange_methods_and_paths_do_not_make_strange_metrics(site, path):
    site.ask("BREW", path)
    site.get("/nowhere/strange")
    text = site.ops("/metrics").body.decode()
    assert "BREW" not in text
    assert "strange" not in text
    assert 'method="OTHER"' in text


def test_at_the_end_what_was_begun_is_finished(new_site, path, eventually):
    site = new_site()
    ann = site.auth.person()
    go_on = site.posts.hold(path)
    found = []
    reader = threading.Thread(target=lambda: found.append(site.get(path, **from_(site, ann)).status))
    reader.start()
    eventually(lambda: site.posts.at(path))
    with socket.create_connection(("127.0.0.1", site.port), 10) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(15) == b"HTTP/1.1 200 OK"
        site.process.terminate()
        while idle.recv(65536):
            pass  # hung up on although nobody closed it here
    go_on.set()
    reader.join()
    assert found == [200]
    assert site.stop() == 0


def heard(connection):
    """One answer of `{}`, or what came of it before the end."""
    answer = b""
    while not answer.endswith(b"{}") and (piece := connection.recv(65536)):
        answer += piece
    return answer


def test_who_is_sending_while_it_ends_gets_an_answer_and_is_told_to_come_anew(new_site):
    """Between two requests nobody knows yet that the process ends; the next one may be on its way."""
    site = new_site()
    with socket.create_connection(("127.0.0.1", site.port), 10) as kept:
        kept.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        first = heard(kept)
        site.process.terminate()
        time.sleep(0.3)  # as long as a slow network keeps a request on its way
        kept.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        second = heard(kept)
    assert first.startswith(b"HTTP/1.1 200 OK")
    assert second.startswith(b"HTTP/1.1 200 OK")
    assert (b"onnection: close" in first, b"onnection: close" in second) == (False, True)
    assert site.stop() == 0
