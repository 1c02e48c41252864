"""The tests rest on the watch: it must not be blind, with JavaScript or without."""

import pytest

PAGE = """<!doctype html><title>x</title><style>p { color: red }</style><p style="color: blue">x</p>
<img src="https://example.com/x.png" alt=""><link rel="stylesheet" href="/static/nothing.css">"""
POLICY = {"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src *"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (POLICY, {"CSP violation", "request to another host", "part of a page is missing"}),
        ({}, {"page without a policy", "request to another host", "part of a page is missing"}),
    ],
    ids=["policy", "none"],
)
def test_what_a_page_must_not_do_is_noticed(desk, scripts, headers, expected):
    page = desk.open("about:blank", java_script_enabled=scripts)
    page.route("**/bad", lambda route: route.fulfill(body=PAGE, content_type="text/html", headers=headers))
    page.route("https://example.com/**", lambda route: route.fulfill(status=404))
    page.goto("/bad")
    assert expected <= set(desk.watch.seen)
    desk.watch.troubles.clear()


def test_errors_of_scripts_are_noticed(desk):
    page = desk.open("/")
    page.evaluate("() => { setTimeout(() => { throw new Error('oops'); }); }")
    page.evaluate("() => new Promise((done) => setTimeout(done, 1))")
    assert desk.watch.seen["error in a script"] == 1
    desk.watch.troubles.clear()
