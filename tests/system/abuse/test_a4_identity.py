"""A4: headers that say who one is, and addresses that two programs might read in two ways. None of them changes
who somebody is or where a request goes.
"""

import json
from collections.abc import Iterator
from itertools import product

import pytest

from .site import SERVICES, Site, told
from .wire import Reply, exchange

NAMES = (
    "X-User", "X-User-Id", "X-Username", "X-Remote-User", "Remote-User", "X-Forwarded-User", "X-Auth-User", "X-Auth-Request-User",
    "X-Identity", "X-Actor", "X-Sub", "X-Roles", "X-Perms", "X-Authenticated-Userid", "X-Consumer-Id", "X-Token", "Proxy-Authorization",
    "X-Original-Authorization", "X-Forwarded-Authorization", "X-Authorization", "Session", "X-Session", "Sid", "X-Jwt-Assertion",
    "X-Internal", "Internal", "X-Internal-Secret", "Identity-Changed", "Event-Ids", "X-Forwarded-Client-Cert", "X-Client-Dn",
)  # fmt: skip
ROUTING = ("X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Path", "X-Forwarded-Prefix", "X-Http-Method-Override",
           "X-Http-Method", "X-Method-Override", "X-Forwarded-Host", "X-Host", "Forwarded", "X-Forwarded-Server")  # fmt: skip


STRANGER = (302, 400, 401)  # pages lead to the login


def spellings(name: str) -> tuple[str, ...]:
    swapped = "".join(letter.upper() if place % 2 else letter.lower() for place, letter in enumerate(name))
    return name, name.lower(), name.upper(), swapped, name.replace("-", "_"), name.replace("-", "_").upper()


def ask(port: int, path: str, *lines: str, method: str = "GET") -> Reply:
    head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *lines, "", ""])
    return exchange(port, head.encode("latin-1"))[0]


def forged(site: Site) -> Iterator[tuple[str, ...]]:
    """Headers that pretend to be the administrator."""
    root = site.root
    for name, value in product(
        NAMES, (str(root.id), root.username, f"Bearer {root.token}", site.internal_secret)
    ):
        for spelled in spellings(name) if value == str(root.id) else (name,):
            yield (f"{spelled}: {value}",)
            yield (f"Connection: {spelled}", f"{spelled}: {value}")
    for name in (
        "Authorization_",
        "_Authorization",
        "Http-Authorization",
        "Http_Authorization",
        "Redirect-Authorization",
    ):
        yield (f"{name}: Bearer {root.token}",)


@pytest.fixture(scope="module")
def fresh(site):
    for person in (site.ann, site.root):
        person.sign_in()
    return site


def test_nobody_becomes_somebody_by_a_header(fresh):
    tried = 0
    for lines in forged(fresh):
        for door, port in fresh.doors.items():
            found = ask(port, fresh.own(door), *lines)
            assert found.status in (STRANGER if door == "web" else (400, 401)), (door, lines)
            tried += 1
    told("A4", fresh.kind, "strangers with forged identity headers: known", tried, 0)


def test_nobody_becomes_somebody_else_by_a_header(fresh):
    tried, mine = 0, f"Authorization: Bearer {fresh.ann.token}"
    for lines in forged(fresh):
        for door in ("gateway", "auth", "web"):
            found = ask(fresh.doors[door], fresh.own(door), mine, *lines)
            assert found.status in ((200, *STRANGER) if door == "web" else (200, 400, 401)), (door, lines)
            if found.status == 200 and door != "web":
                assert json.loads(found.body)["id"] == fresh.ann.id, (door, lines)
            assert f"/user/{fresh.root.username}".encode() not in found.body, (door, lines)
            tried += 1
        found = ask(fresh.doors["posts"], "/api/v1/comments/?moderate=true", mine, *lines)
        assert found.status in (400, 401, 403), lines  # only moderators may
        tried += 1
    told("A4", fresh.kind, "members with forged identity headers: somebody else", tried, 0)


def test_no_header_changes_where_a_request_goes(fresh):
    tried, mine = 0, f"Authorization: Bearer {fresh.ann.token}"
    values = ("/internal/changes", "/metrics", "DELETE", "evil.example", "host=evil.example;for=1.2.3.4")
    for name, value in product(ROUTING, values):
        for spelled in spellings(name):
            found = ask(fresh.doors["gateway"], "/api/v1/users/me", mine, f"{spelled}: {value}")
            assert found.status in (200, 400), (spelled, value)
            assert b"evil.example" not in found.body, (spelled, value)
            tried += 1
    told("A4", fresh.kind, "headers that name another route, method or host: followed", tried, 0)


HIDDEN = ("internal/changes", "internal/exchange", "metrics", "readyz", "livez")
BEFORE = ("/", "//", "/./", "/../", "/api/../", "/api/v1/../../", "/api/v1/posts/../../../", "/%2e%2e/", "/.%2e/", "/%2e/", "/..;/",
          "/;/", "/api/v1/..;/..;/", "/%2f", "/%252f", "/%5c", "\\", "/\\", "/%00/", "/api/v1/posts/%2e%2e%2f", "/%c0%af", "/api%2f..%2f",
          "http://localhost/", "http://127.0.0.1:1/", "/static/../", "/static/..%2f", "/%EF%BC%8F", "/x/%2e%2e/")  # fmt: skip
AFTER = (
    "",
    "/",
    "%00",
    "%20",
    ";x",
    "%3bx",
    "?",
    "#",
    "%23",
    "%2f",
    "/.",
    "/..",
    ".",
    "%0a",
    "%0d%0a",
    "\t",
    "//",
    ".json",
    "~",
)


def inside(site: Site) -> Iterator[str]:
    for before, name, after in product(BEFORE, HIDDEN, AFTER):
        yield f"{before}{name}{after}"
        yield f"{before}{name.title()}{after}"
        yield f"{before}{name.replace('/', '%2f')}{after}"
        yield f"{before}{name.replace('e', '%65')}{after}"


def test_no_spelling_of_an_address_leads_inside(fresh):
    """In one long row on one connection as far as it goes; whatever ends the connection begins another."""
    insider, root = (
        f"Authorization: Internal {fresh.internal_secret}",
        f"Authorization: Bearer {fresh.root.token}",
    )
    tried = 0
    for place, path in enumerate(inside(fresh)):
        if place % 5 and "%" not in path:
            continue  # the plain ones repeat each other
        for line in (insider, root) if "%" not in path else ((insider, root)[place % 2],):
            found = ask(fresh.doors["gateway"], path, line)
            # The first is no credential at the gateway; to anybody else there is nothing.
            assert found.status in ((308, 400, 401, 404) if line == insider else (308, 400, 404)), (
                path,
                found,
            )
            assert b"process_cpu" not in found.body, path
            assert b'"checks"' not in found.body, path
            tried += 1
    told("A4", fresh.kind, "spellings of internal addresses at the gateway: reached", tried, 0)


def test_services_tell_nobody_what_is_inside_without_their_credential(fresh):
    """At their own ports, whatever the address is spelled like, and whatever is shown instead."""
    shown = ("X: y", f"Authorization: Bearer {fresh.root.token}", "Authorization: Internal x", "Authorization: Internal ",
             f"X-Internal-Secret: {fresh.internal_secret}", f"Authorization_: Internal {fresh.internal_secret}")  # fmt: skip
    names = (
        "internal/changes",
        "internal/exchange",
        "internal/snapshots/posts.post_published.v1",
        "internal/seen",
    )
    tried = 0
    for name, after, line in product(names, ("", "/", "%20", "?since=0", "//", "/.", ";x", "%2f"), shown):
        for door in SERVICES:
            for path in (f"/{name}{after}", f"//{name}{after}", f"/x/../{name}{after}"):
                found = ask(fresh.doors[door], path, line)
                assert found.status in (302, 308, 400, 401, 403, 404, 405), (door, path, line, found.status)
                tried += 1
    told("A4", fresh.kind, "what is inside, at services' own ports without the credential: told", tried, 0)


def test_no_spelling_of_an_address_changes_whose_it_is(fresh):
    root, ann = fresh.root.id, fresh.ann.id
    tried = 0
    paths = (
        f"/api/v1/users/{ann}{{}}{root}/account",
        f"/api/v1/users/{root}{{}}account",
        f"/api/v1/users{{}}{root}/account",
    )
    for shape, between in product(
        paths, ("/../", "/./", "//", "%2f", "%2F..%2F", ";/", "/%2e%2e/", "%00/", "\\", "%5c..%5c", "/;x=1/")
    ):
        for door in ("gateway", "auth"):
            found = ask(fresh.doors[door], shape.format(between), f"Authorization: Bearer {fresh.ann.token}")
            assert found.status in (400, 403, 404, 308), (door, shape, between)
            tried += 1
    told("A4", fresh.kind, "spellings of others' addresses: answered", tried, 0)
