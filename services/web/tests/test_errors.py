"""Pages that say what went wrong, and what was typed, which outlives it."""

import re

import pytest

from chassis.problems import Unauthenticated

from .conftest import TOKEN


def test_a_page_that_does_not_exist(site):
    answer = site.stranger().get("/nowhere", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "<title>Flasky - Page not found</title>" in answer.text
    assert 'aria-label="Main"' in answer.text


@pytest.mark.parametrize("path", ["/nowhere", "/user/nobody"])
@pytest.mark.parametrize(
    "accept",
    ["application/json", "application/*", "application/problem+json", "text/html;q=0, application/json"],
)
def test_programs_get_a_problem(site, accept, path):
    answer = site.stranger().get(path, headers={"Accept": accept})
    assert (answer.status_code, answer.json["error"]) == (404, "not found")


@pytest.mark.parametrize("accept", ["", "*/*", "text/*", "application/json, text/html;q=0.1", "image/png"])
def test_whoever_takes_html_gets_a_page(site, accept):
    assert site.stranger().get("/user/nobody", headers={"Accept": accept}).mimetype == "text/html"


def test_a_method_that_a_page_does_not_know(site):
    answer = site.stranger().open("DELETE", "/explore")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert "This page cannot do that" in answer.text


def test_too_large_a_form(ann):
    answer = ann.open("POST", "/", data={"body": "x" * 1_100_000})
    assert answer.status_code == 413
    assert "Too large" in answer.text


def test_a_text_that_is_much_too_long_is_told_at_its_field_and_kept(ann):
    """Percent-encoded, a long text in another script is several times as long on its way."""
    answer = ann.open("POST", "/", data={"body": "שלום " * 20_000})
    assert answer.status_code == 400
    assert "שלום שלום" in answer.text


BAD_TOKEN = 'Bearer error="invalid_token"'


def test_a_token_that_is_not_good_is_told_to_the_gateway(site):
    """It may have a better one for this visitor."""
    answer = site.stranger().get("/user/nobody", headers={"Authorization": "Bearer x.y.z"})
    assert answer.status_code == 302
    assert answer.headers["WWW-Authenticate"] == BAD_TOKEN


@pytest.mark.parametrize("form", [False, True], ids=["page", "form"])
def test_a_service_that_knows_more_of_a_token_than_the_pages_do_is_heard(site, ann, monkeypatch, form):
    def withdrawn(token):
        raise Unauthenticated

    csrf, sent = ann.csrf(), ann.form("/")
    monkeypatch.setattr(site.parts["posts"].app.extensions["verifier"], "actor", withdrawn)
    data = sent | {"csrf_token": csrf, "body": "A text."}
    answer = ann.open("POST", "/", data=data) if form else ann.get("/")
    assert answer.status_code == (403 if form else 302)
    assert answer.headers["WWW-Authenticate"] == BAD_TOKEN
    assert ("A text." in answer.text) is form


def test_a_mistake_of_ours_is_told_without_its_reasons(site, monkeypatch):
    def broken(page):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("web.clients.posts.newest", broken)
    answer = site.stranger().get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["X-Request-Id"] in answer.text


@pytest.mark.parametrize("token", [None, "", "forged", "IjEyMyI.aaaa.bbbb"])
def test_a_bad_csrf_token_changes_nothing_and_keeps_the_text(ann, token):
    fields = {"body": "a long <text>", "key": "q" * 22} | ({} if token is None else {"csrf_token": token})
    answer = ann.open("POST", "/", data=fields)
    assert answer.status_code == 400
    assert "a long &lt;text&gt;</textarea>" in answer.text
    assert f'value="{"q" * 22}"' in answer.text
    assert "What you wrote is below" in answer.text
    assert "a long" not in ann.text("/")


def test_the_form_that_was_kept_can_be_sent(ann):
    answer = ann.open("POST", "/", data={"body": "kept and sent"})
    token = re.findall(r'name="csrf_token" value="([^"]+)"', answer.text)[-1]
    assert ann.open("POST", "/", data={"body": "kept and sent", "csrf_token": token}).status_code == 303


def test_a_password_is_never_kept_and_all_else_is(site):
    stranger = site.stranger()
    fields = {"email": "n@example.com", "username": "new", "password": "my secret", "password2": "my secret"}
    answer = stranger.open("POST", "/auth/register", data=fields)
    assert answer.status_code == 400
    assert "my secret" not in answer.text
    for there in ('"n@example.com"', 'value="new"', 'name="password2" type="password"', "enter them again"):
        assert there in answer.text
    assert "Log in in another tab" not in answer.text
    token = TOKEN.findall(answer.text)[-1]
    assert stranger.open("POST", "/auth/register", data=fields | {"csrf_token": token}).status_code == 303


@pytest.mark.parametrize(
    ("path", "fields"), [("change-password", {"old_password": "x"}), ("login/second", {"otp": "123456"})]
)
def test_a_form_of_which_nothing_may_be_kept_begins_anew(ann, path, fields):
    answer = ann.open("POST", f"/auth/{path}", data=fields)
    assert answer.headers["Location"] == f"/auth/{path}"
    assert "This form was open for too long" in ann.text("/auth/change-password")


def test_a_button_alone_has_nothing_to_keep(ann, ben):
    answer = ann.open("POST", f"/follow/{ben.name}", data={"submit": "yes"})
    assert answer.status_code == 400
    assert "below" not in answer.text
    assert "reload that page" in answer.text


def test_a_text_outlives_logging_out_in_another_tab(ann):
    """The other tab has ended what the form's token belongs to, too."""
    sent = ann.form("/") | {"csrf_token": ann.csrf(), "body": "a long text"}
    ann.submit("/auth/logout")
    answer = ann.open("POST", "/", data=sent)
    assert answer.status_code == 403
    assert '<h1 class="page-title">Please log in again</h1>' in answer.text
    assert "a long text</textarea>" in answer.text
    token = TOKEN.findall(answer.text)[-1]
    ann.log_in()
    assert ann.open("POST", "/", data={"csrf_token": token, "body": "a long text"}).status_code == 303


def test_a_profile_that_was_typed_outlives_its_session(ann):
    ann.submit("/auth/logout")
    fields = {"name": "Ann", "location": "Bonn", "about_me": "a long text", "shown": "{}"}
    answer = ann.post("/edit-profile", **fields)
    assert answer.status_code == 403
    assert "a long text</textarea>" in answer.text
    assert 'value="Bonn"' in answer.text
    assert 'type="hidden" name="shown"' in answer.text
    assert "Log in in another tab" in answer.text
    empty = ann.post("/edit-profile", name=" ", location="", about_me="")
    assert empty.headers["Location"] == "/auth/login?next=/edit-profile"


@pytest.mark.parametrize("path", ["/post/{}", "/edit/{}"])
def test_a_text_outlives_what_it_was_for(site, ann, path):
    post = ann.publish("Soon gone.")
    ann.submit(f"/delete/{post}")
    answer = ann.post(path.format(post), body="a long <text>", version="1")
    assert answer.status_code == 404
    assert "It may have been removed" in answer.text
    assert "a long &lt;text&gt;</textarea>" in answer.text
    assert "Send it again" not in answer.text


def test_a_text_outlives_the_right_to_send_it(ann, ben):
    post = ann.publish("Hers.")
    answer = ben.post(f"/edit/{post}", body="a long text", version="1")
    assert answer.status_code == 403
    assert "a long text</textarea>" in answer.text
    for missing in ("Send it again", "Log in in another tab"):
        assert missing not in answer.text
    assert "copy it" not in ben.post(f"/delete/{post}", submit="yes").text


def test_what_an_administrator_ticked_and_chose_is_kept_as_that(site, ann):
    root, path = site.administrator(), f"/edit-profile/{ann.id}"
    form = root.form(path) | {"location": "Bonn", "disabled": "y"}
    kept = root.open("POST", path, data=form)
    for name in ("confirmed", "disabled"):
        assert re.search(rf'name="{name}" type="checkbox" value="y" checked', kept.text)
    assert re.search(r'type="hidden" name="role" value="\d+"', kept.text)
    assert root.post(path, **root.form_in(kept) | {"role": form["role"]}).status_code == 303
    assert root.form(path) | form == root.form(path) | {"shown": form["shown"]}


def test_a_preview_that_came_too_late_can_still_be_a_preview(ann):
    answer = ann.open("POST", "/", data={"body": "*look*", "preview": "1"})
    assert re.search(r'<button[^>]*name="preview" value="1">Preview</button>', answer.text)
    assert "Send it again" not in answer.text


def test_a_refusal_that_is_about_no_version_does_not_speak_of_others(ann):
    answer = ann.post(f"/follow/{ann.name}")
    assert (answer.status_code, "faster" in answer.text) == (409, False)


def test_a_token_of_somebody_else_is_a_stranger_s(site, ann):
    answer = ann.http.get("/", headers={"Authorization": "Bearer a.b.c"})
    assert answer.headers["Location"] == "/auth/login"


def test_flashes_are_shown_once(ann, ben):
    token = {"csrf_token": ann.csrf()}
    for what in ("follow", "unfollow"):
        ann.open("POST", f"/{what}/{ben.name}", data=token)
    page = ann.text("/")
    assert page.count('class="alert alert-warning flash"') == 2
    assert 'class="alert alert-warning flash"' not in ann.text("/")


def test_a_message_to_one_stranger_is_not_on_the_page_of_others(ann, site):
    """All of them get the same page, except who has been told something."""
    page = site.stranger().get("/")
    leaving = ann.post("/auth/logout")
    told = ann.get(leaving.headers["Location"])
    assert "You have been logged out." in told.text
    assert told.headers["Cache-Control"] == "no-store"
    for again in (site.stranger().get("/"), ann.get("/")):
        assert (again.data, again.headers["ETag"]) == (page.data, page.headers["ETag"])


def test_no_form_at_all_is_taken_without_its_token(site, ben):
    root, parts = site.administrator(), {"<username>": ben.name, "<token>": "abc", "<int:id>": str(ben.id)}
    rules = [rule.rule for rule in site.app.url_map.iter_rules() if "POST" in rule.methods]
    assert len(rules) > 25
    for path in rules:
        for name, value in parts.items():
            path = path.replace(name, value)
        answer = root.open("POST", path)
        assert (path, answer.status_code) == (path, 400)
        assert "so nothing has been changed" in answer.text
