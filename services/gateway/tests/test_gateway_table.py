"""Which paths exist, who serves them, and who may ask."""

import re

import pytest

from gateway import openapi, table
from gateway.table import ROUTES, Who

SAMPLES = {
    "int": "7", "hash": "00ff", "id": "a_B-9", "file": "swagger-ui.css", "username": "john.d_2",
    "token": "a_B-9", "path": "0a1b/vendor/site.min.css",
}  # fmt: skip


def sample(pattern):
    return re.sub(r"<(\w+)>", lambda kind: SAMPLES[kind[1]], pattern)


def service(site, name):
    return getattr(site, name)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.pattern)
def test_a_path_has_one_route(route):
    assert table.find(sample(route.pattern)) is route
    assert [other for other in ROUTES if re.fullmatch(other.expression, sample(route.pattern))] == [route]


@pytest.mark.parametrize(
    "route", [one for one in ROUTES if one.service != "gateway"], ids=lambda route: route.pattern
)
def test_every_route_reaches_its_service_with_credentials(site, ann, route):
    got = site.get(sample(route.pattern), Authorization=site.as_(ann))
    assert got.status == 200
    asked = [one.header("X-Request-Id") for one in service(site, route.service).at(sample(route.pattern))]
    assert got.headers["X-Request-Id"] in asked or route.pattern == "/.well-known/jwks.json"


@pytest.mark.parametrize(
    "route", [one for one in ROUTES if one.who is Who.SIGNED_IN], ids=lambda route: route.pattern
)
def test_reads_without_credentials_are_refused(site, route):
    got = site.get(sample(route.pattern))
    assert got.status == 401
    assert (got.problem["error"], got.problem["message"]) == ("unauthorized", "Invalid credentials")
    assert got.headers["WWW-Authenticate"] == 'Basic realm="Flasky", Bearer'


@pytest.mark.parametrize(
    "route", [one for one in ROUTES if one.who is Who.PUBLIC], ids=lambda route: route.pattern
)
def test_public_routes_ask_for_nothing_and_pass_no_credentials_on(site, ann, route):
    got = site.get(sample(route.pattern), Authorization="Bearer nonsense", Cookie="session=" + "x" * 32)
    assert got.status == 200
    if route.service != "gateway" and "jwks" not in route.pattern:
        [asked] = [
            one
            for one in service(site, route.service).at(sample(route.pattern))
            if one.header("X-Request-Id") == got.headers["X-Request-Id"]
        ]
        assert asked.header("Authorization") is None


def test_anybody_may_register_but_not_list_people(site):
    assert site.ask("POST", "/api/v1/users/", b"{}").status == 200
    assert site.ask("GET", "/api/v1/users/").status == 401


@pytest.mark.parametrize(
    "path",
    [
        "/api", "/api/", "/api/v2/posts/", "/api/v1/posts/x", "/api/v1/posts/1/", "/api/v1/posts/-1",
        "/api/v1/Posts/", "/api/v1/posts/" + "1" * 20, "/avatar/xyz.svg", "/avatar/aa.png", "/static",
        "/internal/exchange", "/internal/changes", "/livez", "/readyz", "/metrics", "/api/docs/x.js",
    ],
)  # fmt: skip
def test_an_unknown_path_is_told_before_credentials_are_asked_for(site, path):
    got = site.get(path, Accept="application/json")
    assert got.status == 404
    assert got.problem["error"] == "not found"
    assert "WWW-Authenticate" not in got.headers


PEOPLE = ["text/html", "*/*", "text/html,application/xhtml+xml,application/xml;q=0.9", ""]


@pytest.mark.parametrize("accept", PEOPLE)
def test_people_are_told_by_a_page_like_any_other_that_an_address_does_not_exist(site, accept, said):
    site.web.script["/nowhere"] = said(404, b"<p>nothing here", "Content-Type: text/html; charset=utf-8")
    got = site.get("/nowhere", Accept=accept)
    assert (got.status, got.body) == (404, b"<p>nothing here")


@pytest.mark.parametrize("accept", PEOPLE)
def test_without_the_pages_people_get_a_page_too(new_site, accept):
    alone = new_site()
    alone.web.stop()
    got = alone.get("/nowhere", Accept=accept)
    assert (got.status, got.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert got.headers["X-Request-Id"] in got.body.decode()
    assert "<title>Flasky - Not available right now</title>" in got.body.decode()


@pytest.mark.parametrize(
    "path", ["/livez", "/%6civez", "/metrics/x", "/internal/x", "/%69nternal/exchange", "/api", "/api/v1/x"]
)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_what_belongs_to_the_platform_is_not_asked_for_at_any_service(site, path, accept):
    before = len(site.web.asked)
    assert site.get(path, Accept=accept).status == 404
    assert len(site.web.asked) == before


def test_only_pages_get_cookies_and_never_the_session(site, ann):
    there = f"theme=dark; session={ann.session}; flasky=abc; __Host-session=x"
    assert site.get("/explore", Cookie=there).status == 200
    asked = site.web.at("/explore")[-1]
    assert asked.header("Cookie") == "theme=dark; flasky=abc"
    assert asked.header("Authorization").startswith("Bearer ")


def test_a_session_that_has_ended_makes_a_stranger_of_the_reader(site):
    site.get("/followers/ann", Cookie="session=" + "y" * 32)
    assert site.web.at("/followers/ann")[-1].header("Authorization") is None


@pytest.mark.parametrize(
    "accept", ["application/json", "application/problem+json", "text/html;q=0, application/json"]
)
def test_outside_the_api_programs_get_a_problem(site, accept):
    assert site.get("/nowhere", Accept=accept).problem["status"] == 404


@pytest.mark.parametrize("id", ["01", "1_0", "+1", "-1", "1.0", "%D9%A1", "1" * 20])
def test_what_is_no_number_is_the_address_of_nothing(site, ann, id):
    before = len(site.posts.asked)
    assert site.get(f"/api/v1/posts/{id}", Authorization=site.as_(ann)).status == 404
    assert len(site.posts.asked) == before


def test_under_the_api_everybody_gets_a_problem(site):
    assert site.get("/api/v1/nowhere", Accept="text/html").problem["status"] == 404


def test_a_collection_without_its_slash_is_the_services_business(site, ann, said):
    site.auth.script["/api/v1/roles"] = said(308, b"", "Location: http://x/api/v1/roles/")
    got = site.get("/api/v1/roles", Authorization=site.as_(ann))
    assert (got.status, got.headers["Location"]) == (308, "http://x/api/v1/roles/")


def test_a_wrong_method_is_the_services_business(site, ann, path, said):
    site.posts.script[path] = said(405, {"status": 405}, "Allow: GET")
    got = site.ask("PATCH", path, b"{}", Authorization=site.as_(ann))
    assert (got.status, got.headers["Allow"]) == (405, "GET")


def test_anybody_may_ask_which_methods_there_are(site, path, said):
    site.posts.script[path] = said(200, b"", "Allow: GET, PUT")
    got = site.ask("OPTIONS", path)
    assert (got.status, got.headers["Allow"]) == (200, "GET, PUT")


# --- what the services promise, and what the table says ---


def norm(path):
    return re.sub(r"[<{][^<>{}]+[>}]", "{}", path)


@pytest.mark.parametrize("name", openapi.SERVICES)
def test_the_table_holds_exactly_what_the_services_promise(name):
    document = openapi.contracts()[name]
    promised = {
        (norm(path), method.upper(), "signed in" if operation.get("security") else "public")
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    rows = {norm(route.pattern): route for route in ROUTES if route.service == name}
    assert rows.keys() == {path for path, _, _ in promised}
    assert {(path, method, rows[path].asks(method).value) for path, method, _ in promised} == promised


@pytest.mark.parametrize("name", openapi.SERVICES)
def test_the_table_knows_which_operations_take_a_key(name):
    """Others do again what they are told again, whatever key comes with it."""
    told = {
        (norm(path), method.upper())
        for path, operations in openapi.contracts()[name]["paths"].items()
        for method, operation in operations.items()
        if any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", ()))
    }
    rows = {(norm(route.pattern), "POST") for route in ROUTES if route.service == name and route.keyed}
    assert rows == told


def test_the_merged_document_is_current():
    merged = openapi.written(openapi.merged(openapi.contracts()))
    assert openapi.MERGED.read_text() == merged, "run: python -m gateway.openapi"
