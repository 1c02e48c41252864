"""Sessions, logging out, and removing an account."""

import re

import pytest


def test_sessions_are_listed_and_ended(site, ann):
    elsewhere = site.stranger()
    elsewhere.name, elsewhere.email = ann.name, ann.email
    headers = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/130.0"}
    fields = {"csrf_token": elsewhere.csrf(), "email": ann.email, "password": "correct horse 7"}
    elsewhere.open("POST", "/auth/login", data=fields, headers=headers)
    page = ann.text("/auth/sessions")
    assert "Firefox on Linux" in page
    assert "This one." in page
    item = next(part for part in page.split("<li ") if "Firefox on Linux" in part)
    sid = re.search(r'name="id" value="([0-9a-f]+)"', item)[1]
    assert "That session has ended." in ann.submit("/auth/sessions", id=sid)
    assert "Hello, Stranger!" in elsewhere.text("/")
    assert "That session has ended." in ann.submit("/auth/sessions", id=sid)
    for nothing in ({}, {"id": ""}):
        refused = ann.post("/auth/sessions", **nothing)
        assert (refused.status_code, "does not say which session" in refused.text) == (400, True)
    assert f"Hello, {ann.name}!" in ann.text("/")
    assert "You have been logged out everywhere." in ann.submit("/auth/sessions", id="all")
    assert "Hello, Stranger!" in ann.text("/")


def test_ending_the_session_one_is_in_is_logging_out(ann):
    page = ann.text("/auth/sessions")
    item = next(part for part in page.split("<li ") if "This one." in part)
    sid = re.search(r'name="id" value="([0-9a-f]+)"', item)[1]
    assert "You have been logged out." in ann.submit("/auth/sessions", id=sid)


def test_logging_out_ends_the_session_and_not_only_its_cookie(site, ann):
    kept = {"kind": "session", "session": ann.http.get_cookie("session").value}
    assert site.internal("/internal/exchange", **kept).status_code == 200
    ann.submit("/auth/logout")
    assert site.internal("/internal/exchange", **kept).status_code == 401


def test_whoever_comes_next_at_a_browser_has_nothing_of_the_one_before(ann):
    before = ann.csrf()
    ann.submit("/auth/logout")
    fields = {"csrf_token": before, "email": ann.email, "password": "correct horse 7"}
    answer = ann.open("POST", "/auth/login", data=fields)
    assert answer.status_code == 400
    assert "so nothing has been changed" in answer.text


def test_logging_out_by_get_only_asks(site, ann):
    assert 'id="confirm-form"' in ann.text("/auth/logout")
    assert f"Hello, {ann.name}!" in ann.text("/")
    assert site.stranger().get("/auth/logout").headers["Location"].startswith("/auth/login")


@pytest.mark.parametrize(
    "path",
    [
        "change-password",
        "change-email",
        "change-email/abc",
        "sessions",
        "confirm",
        "log",
        "log/all",
        "remove-account",
    ],
)
def test_what_needs_an_account_leads_to_the_login(site, path):
    assert site.stranger().get(f"/auth/{path}").headers["Location"] == f"/auth/login?next=/auth/{path}"


def test_removing_ones_account_asks_for_the_password_and_says_what_is_lost(site):
    going = site.member("leaving")
    page = going.text("/auth/remove-account")
    assert "This cannot be undone" in page
    wrong = going.post("/auth/remove-account", password="not this one")
    assert wrong.status_code == 400
    assert "Password is not right." in wrong.text
    answer = going.post("/auth/remove-account", password="correct horse 7")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "session=;" in answer.headers["Set-Cookie"]
    assert "Your account is closed" in going.text("/")
    assert going.log_in().status_code == 400
    assert site.stranger().get(f"/user/{going.name}").status_code == 404


def test_administrators_remove_accounts_but_not_the_last_administrator(site):
    going, root = site.member("leaving"), site.administrator()
    page = f"/remove-account/{going.id}"
    assert "cannot be undone" in root.text(page)
    assert "is being erased" in root.submit(page)
    assert root.get(page).status_code == 404
    for answer in (root.get(f"/remove-account/{root.id}"), root.post(f"/remove-account/{root.id}")):
        assert answer.headers["Location"] == "/auth/remove-account"
    assert site.member("other").get(page).status_code == 403
