"""The session's cookie: what it looks like, and that no other site makes changes with it."""

import pytest

from .ways import WAYS

COOKIES = {
    "too short": "session=abc",
    "odd letters": "session=" + "x" * 30 + "!",
    "two of them": "session=" + "a" * 32 + "; session=" + "b" * 32,
    "unknown": "session=" + "z" * 32,
}


@pytest.mark.parametrize("cookie", COOKIES.values(), ids=COOKIES.keys())
def test_a_wrong_cookie_is_refused(site, path, cookie):
    assert site.get(path, Cookie=cookie).status == 401


@pytest.mark.parametrize("cookie", ["session={0}; session={1}", "session={1}; session={0}"])
def test_of_two_sessions_neither_is_believed(site, ann, path, cookie):
    assert site.get(path, Cookie=cookie.format(ann.session, "a" * 32)).status == 401


def test_other_cookies_are_nobodys_business(site, path):
    assert site.get(path, Cookie="flash=1; xsession=2").status == 401


def test_credentials_count_before_the_cookie(site, ann, path):
    assert site.get(path, Authorization="Bearer a.b.c", Cookie=f"session={ann.session}").status == 401


FROM_ELSEWHERE = [
    {},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site", "Origin": "http://localhost"},
    {"Sec_Fetch_Site": "none"},
]


@pytest.mark.parametrize("headers", FROM_ELSEWHERE)
def test_a_cookie_changes_nothing_for_another_site(site, ann, path, headers):
    got = site.ask("POST", path, b"{}", Cookie=f"session={ann.session}", **headers)
    assert (got.status, got.problem["error"]) == (403, "forbidden")
    assert site.posts.at(path) == []
    assert site.get(path, Cookie=f"session={ann.session}", **headers).status == 200


def test_a_cookie_changes_things_for_our_own_pages(site, ann, path):
    for headers in ({"Sec_Fetch_Site": "same-origin"}, {"Origin": f"http://localhost:{site.port}"}):
        assert site.ask("POST", path, b"{}", Cookie=f"session={ann.session}", **headers).status == 200


@pytest.mark.parametrize(
    "cookie", [{}, {"Cookie": f"session={'z' * 32}"}, {"Cookie": "session=a; session=b"}]
)
@pytest.mark.parametrize("headers", FROM_ELSEWHERE[1:5])
def test_a_form_of_another_site_reaches_no_page_where_the_browser_leaves_our_cookies_out(
    site, headers, cookie
):
    """The answer of a page would show it to the person who is signed in, ready to be sent again."""
    before = len(site.web.asked)
    got = site.ask("POST", "/edit-profile/7", b"role=3", **headers, **cookie)
    assert (got.status, "asked for by another site" in got.body.decode()) == (403, True)
    assert len(site.web.asked) == before
    assert site.get("/edit-profile/7", **headers, **cookie).status == 200


def test_a_strangers_form_of_our_own_pages_arrives(site):
    own = {"Origin": f"http://localhost:{site.port}"}
    for headers in ({}, own, {"Sec_Fetch_Site": "same-origin", **own}, {"Sec_Fetch_Site": "none"}):
        assert site.ask("POST", "/auth/login", b"x=1", **headers).status == 200


@pytest.mark.parametrize("other", ["cross-site", "same-site"])
def test_a_password_that_the_browser_remembers_changes_nothing_for_another_site(site, ann, path, other):
    got = site.ask("POST", path, b"{}", Sec_Fetch_Site=other, **WAYS["basic with a password"](ann))
    assert got.status == 403
    assert site.ask("POST", path, b"{}", **WAYS["basic with a password"](ann)).status == 200


def test_on_https_only_the_host_cookie_counts(new_site, path):
    site = new_site(public_url="https://flasky.example")
    ann = site.auth.person()
    assert site.get(path, Cookie=f"session={ann.session}").status == 401
    got = site.get(path, Cookie=f"__Host-session={ann.session}")
    assert got.status == 200
    assert got.headers["Strict-Transport-Security"].startswith("max-age=")
