"""A9: what another site can make a browser do. Forms, redirects, frames, plain text, cookies from a sibling."""

import re
from itertools import product

import pytest

from .roles import Actor, Cast
from .site import told
from .test_a3_matrix import ROWS, WEB, page, thing

CROSS = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {},
    {"Referer": "https://evil.example/", "Origin": "http://localhost.evil.example"},
)
FORMS = [row for row in ROWS if row.service == WEB and row.method == "POST"]
TARGETS = (
    "https://evil.example", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/\\/evil.example", "\t//evil.example",
    "/\t/evil.example", " //evil.example", "/ /evil.example", "http:evil.example", "https:/evil.example", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
    "data:text/html,x", "//evil.example@localhost", "http://localhost@evil.example", "/%09/evil.example", "/%5cevil.example", "/%2f%2fevil.example",
    "/\r\nLocation: https://evil.example", "/\x00//evil.example", "．／／evil.example", "//%65vil.example", "/.//evil.example", "/..//evil.example",
    "/%0d%0aSet-Cookie:x=y", "?next=//evil.example", "#//evil.example", "evil.example", "@evil.example", "/；//evil.example",
)  # fmt: skip


def send(cast: Cast, row, actor: Actor, headers, form, path: str, door: str = "gateway"):
    """At web's own port as the gateway would pass it on, were it to let it through."""
    headers, cookies = {"Accept": "text/html"} | headers, dict(actor.cookies)
    if door == WEB:
        headers["Authorization"] = f"Bearer {cast.exchanged(cookies.pop('session'))}"
    return cast.ask(door, "POST", path, headers=headers, cookies=cookies, data=form)


def path_of(cast: Cast, row, actor: Actor) -> str:
    owner = "other" if row.told.get("thing") == "username" else "own"
    return re.sub(r"<[^>]+>", lambda _: str(thing(cast, row, actor, owner)), row.template)


@pytest.mark.parametrize("row", FORMS, ids=str)
def test_no_form_of_another_site_changes_anything(cast, row):
    """Even with a good token of the form: the browser says where the request comes from."""
    root = cast.actors["administrator"]
    path = path_of(cast, row, root)
    form = {"csrf_token": root.csrf} | (row.told.get("body") or {})
    for headers in CROSS:
        refused = send(cast, row, root, headers, form, path)
        assert refused.status_code == 403, (row, headers, refused.status_code)


@pytest.mark.parametrize("row", FORMS, ids=str)
def test_no_form_without_its_own_token_changes_anything(cast, row):
    """Sent from our own pages, as an injected form would be; with none, somebody else's or a made-up token."""
    root, user = cast.actors["administrator"], cast.actors["user"]
    path, own = path_of(cast, row, root), {"Sec-Fetch-Site": "same-origin"}
    tokens = ({}, {"csrf_token": ""}, {"csrf_token": user.csrf}, {"csrf_token": "x" * 40})
    for token, door in product(tokens, ("gateway", WEB)):
        refused = send(cast, row, root, own, (row.told.get("body") or {"id": "x"}) | token, path, door)
        assert refused.status_code in (303, 400), (row, token, refused.status_code)
        if (
            refused.status_code == 303
        ):  # a form with a password is shown again, empty; or the way is closed anyway
            assert row.told.get("thing") == "token" or refused.headers["Location"] in (path, "/"), row
    assert cast.ask("gateway", "GET", "/auth/sessions", cookies=root.cookies).status_code == 200


def test_plain_text_is_no_json(cast):
    """What a page may send to another site without asking first: text/plain, multipart, form."""
    ann, tried = cast.actors["author"], 0
    cast.keep_fresh(ann)
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "text/json",
    ):
        for headers in CROSS:
            for credentials in (ann.bearer, {"Cookie": f"session={ann.cookies['session']}"}):
                answer = cast.ask("gateway", "POST", "/api/v1/posts/", headers={"Content-Type": kind} | headers | credentials,
                                  data='{"body": "hello"}')  # fmt: skip
                assert answer.status_code in (403, 415), (kind, headers)
                tried += 1
            for door in ("auth", "posts"):
                path = "/api/v1/posts/" if door == "posts" else "/api/v1/users/me/email"
                answer = cast.ask(door, "POST", path, headers={"Content-Type": kind} | headers | ann.bearer,
                                  data='{"body": "hello"}')  # fmt: skip
                assert answer.status_code == 415, (door, kind, headers)
                tried += 1
    told("A9", cast.site.kind, "writes by plain text, forms, from other sites: done", tried, 0)


def test_nobody_is_led_away(cast):
    user = cast.actors["user"]
    for target in TARGETS:
        form = {"csrf_token": cast.actors["none"].csrf, "email": user.email, "password": "correct horse 7"}
        answer = cast.ask("gateway", "POST", "/auth/login", params={"next": target}, data=form,
                          headers={"Sec-Fetch-Site": "same-origin"}, cookies=cast.actors["none"].cookies)  # fmt: skip
        if answer.status_code == 400:
            assert "Location" not in answer.headers  # the address itself is refused
            continue
        assert answer.status_code == 303, target
        assert re.fullmatch(r"/(?![/\\])[^\\\x00-\x20]*", answer.headers["Location"]), (
            target,
            answer.headers["Location"],
        )
    for host in ("evil.example", "localhost:1@evil.example", "evil.example:80"):
        answer = cast.ask(
            "gateway", "GET", "/api/v1/posts", headers={"Host": host, "X-Forwarded-Host": host, **user.bearer}
        )
        assert "evil" not in answer.headers.get("Location", ""), host
    told("A9", cast.site.kind, "open redirects", len(TARGETS) + 3, 0)


def test_no_page_can_be_framed_and_none_runs_anothers_script(cast):
    root, count = cast.actors["administrator"], 0
    for row in ROWS:
        if row.service != WEB or row.method != "GET":
            continue
        for door in ("gateway", WEB):
            answer = cast.ask(door, "GET", path_of(cast, row, root), **page(root, row, door, cast))
            policy = answer.headers["Content-Security-Policy"]
            for needed in ("frame-ancestors 'none'", "object-src 'none'", "base-uri 'none'"):
                assert needed in policy, (row, door, policy)
            assert "unsafe" not in policy, (row, door)
            count += 1
    told("A9", cast.site.kind, "pages that can be framed, or run a script that is no file of ours", count, 0)


@pytest.mark.parametrize("order", [("mine", "other"), ("other", "mine"), ("mine", "mine")])
def test_a_session_that_a_sibling_has_set_beside_ours_counts_for_nobody(cast, order):
    sessions = {"mine": cast.actors["user"].cookies["session"], "other": cast.olga.cookies["session"]}
    cookie = "; ".join(f"session={sessions[each]}" for each in order)
    assert cast.ask("gateway", "GET", "/api/v1/users/me", headers={"Cookie": cookie}).status_code == 401
    page = cast.ask("gateway", "GET", "/", headers={"Cookie": cookie, "Accept": "text/html"})
    assert "Log Out" not in page.text
