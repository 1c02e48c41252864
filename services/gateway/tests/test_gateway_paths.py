"""Only one spelling of a path is routed, and it is forwarded byte for byte."""

import uuid

import pytest

ODD_QUERIES = ["?page=2", "?a=%2F%00%zz;b", "?", "?q=a+b&q=%C3%A9&//..", "??", "?'*!()"]

CONFUSING = [
    "/api/v1/posts/1%2f2",
    "/api/v1/posts/1%2F2",
    "/api/v1/posts%5c1",
    "/api/v1\\posts/",
    "/api/v1/./posts/",
    "/api/v1/posts/..",
    "/api/v1/posts/../../../internal/changes",
    "/api/v1/%2e%2e/posts/",
    "/api/v1/.%2E/posts/",
    "/api/v1/posts/%2e",
    "/api/v1/posts/%252f",
    "/api/v1/posts/1%00",
    "/api/v1/posts/1%0a",
    "/api/v1/posts/1%7f",
    "/api/v1/posts/1;x=1",
    "/api/v1/posts/1%3bx=1",
    "//api/v1/posts/",
    "/api//v1/posts/",
    "/api/v1/posts//",
    "/api/v1/posts/1%",
    "/api/v1/posts/1%g0",
    "/api/v1/posts/1%c0%af",
    "/api/v1/posts/1%ff",
    "/api/v1/posts/1#x",
    "/api/v1/posts/1?a#x",
    "http://localhost/api/v1/posts/",
    "*",
]


@pytest.mark.parametrize("query", ODD_QUERIES)
def test_the_target_is_forwarded_as_it_came(site, ann, path, query):
    assert site.get(path + query, Authorization=site.as_(ann)).status == 200
    [asked] = site.posts.at(path)
    assert asked.target == path + query


@pytest.mark.parametrize("target", CONFUSING)
def test_a_target_that_can_be_read_in_two_ways_is_refused(site, ann, target):
    before = len(site.posts.asked)
    method = "OPTIONS" if target == "*" else "GET"
    got = site.ask(method, target, Authorization=site.as_(ann), Accept="application/json")
    assert got.status == 400
    assert got.problem["error"] == "bad request"
    assert not any(
        asked.header("X-Request-Id") == got.headers["X-Request-Id"] for asked in site.posts.asked[before:]
    )


def test_a_confusing_path_is_refused_before_anything_is_asked_about_the_caller(site):
    assert site.get("/nowhere/%2e%2e/").status == 400


@pytest.mark.parametrize("wrong", [b"\x00", b"\x01", b"\x7f", b"\xe9", "é".encode(), b" ", b"\t"])
def test_raw_bytes_that_no_address_holds_are_refused(site, wrong):
    marker = uuid.uuid4().hex.encode()
    said = site.raw(
        b"GET /api/v1/posts/%s%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % (wrong, marker)
    )
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in said


def test_well_formed_letters_of_any_language_are_an_address_like_any_other(site):
    assert site.get("/caf%C3%A9", Accept="application/json").status == 404
