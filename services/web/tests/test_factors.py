"""The second factor and the log, as pages."""

import html
import json
import re
import time

import pyotp
import pytest

from services.auth.tests.authenticator import Authenticator

from .conftest import PASSWORD

HOME = "/auth/second-factor"


def secret_on(page):
    return re.search(r'id="totp-secret">([A-Z2-7]+)<', page)[1]


def hidden(page, name):
    return html.unescape(re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)[1])


def options_on(page):
    return json.loads(html.unescape(re.search(r'data-options="([^"]*)"', page)[1]))


def code(app, steps=0):
    return app.at(time.time() + 30 * steps)


def with_app(ann):
    """ann sets up an authenticator app; the app and the recovery codes."""
    page = ann.post(f"{HOME}/totp", password=PASSWORD).text
    app = pyotp.TOTP(secret_on(page))
    fields = {"secret": app.secret, "uri": hidden(page, "uri")}
    done = ann.post(f"{HOME}/totp", code=code(app, -1), **fields)
    assert done.status_code == 200, done.text
    return app, re.findall(r"<li><code>([a-z0-9-]+)</code>", done.text)


def log_in(ann, to=""):
    ann.submit("/auth/logout")
    return ann.log_in(to=to)


def test_setting_up_an_app_and_logging_in_with_it(site, ann):
    assert "It is off." in ann.text(HOME)
    assert ann.post(f"{HOME}/totp", password="wrong").status_code == 400
    page = ann.post(f"{HOME}/totp", password=PASSWORD)
    assert "<svg" in page.text
    assert "script" not in page.headers["Content-Security-Policy"].replace("script-src 'self'", "")
    fields = {"secret": secret_on(page.text), "uri": hidden(page.text, "uri")}
    again = ann.post(f"{HOME}/totp", code="000000", **fields)
    assert again.status_code == 400
    assert secret_on(again.text) == fields["secret"]
    _, codes = with_app(ann)
    assert len(codes) == 10
    assert "It is <b>on</b>" in ann.text(HOME)
    assert "10 codes left" in ann.text(HOME)


def test_the_second_step_leads_on_to_where_one_was_going(site, ann):
    app, _ = with_app(ann)
    first = log_in(ann, "?next=/edit-profile")
    assert first.headers["Location"] == "/auth/login/second?next=/edit-profile"
    assert not ann.token()
    assert "One more step" in ann.text(first.headers["Location"])
    wrong = ann.post(first.headers["Location"], otp="x")
    assert wrong.status_code == 400
    assert re.search('<p [^>]*id="otp-error">This code is not right', wrong.text)
    assert re.search('<input aria-describedby="otp-error" aria-invalid="true"[^>]* id="otp"', wrong.text)
    assert 'role="alert"' not in wrong.text
    done = ann.post(first.headers["Location"], otp=code(app))
    assert done.headers["Location"] == "/edit-profile"
    assert "device=" in str(done.headers.getlist("Set-Cookie"))
    assert ann.get("/edit-profile").status_code == 200
    for to, leads in (("?next=/edit-profile", "/edit-profile"), ("?next=//evil.example", "/"), ("", "/")):
        assert ann.get(f"/auth/login/second{to}").headers["Location"] == leads
    assert "log in again" not in ann.text("/")


def test_a_second_step_that_comes_too_late_begins_with_the_first(site):
    stranger = site.stranger()
    assert "Please log in again" in stranger.text("/auth/login/second")
    late = stranger.get("/auth/login/second?next=/edit-profile")
    assert late.headers["Location"] == "/auth/login?next=/edit-profile"
    assert stranger.get("/auth/login/second?next=//evil.example").headers["Location"] == "/auth/login"


def test_codes_are_shown_once_and_a_second_look_says_so(ann):
    page = ann.post(f"{HOME}/totp", password=PASSWORD).text
    fields = {"secret": secret_on(page), "uri": hidden(page, "uri")}
    fields["code"] = code(pyotp.TOTP(fields["secret"]), -1)
    assert "<li><code>" in ann.post(f"{HOME}/totp", **fields).text
    assert "were shown already" in ann.submit(f"{HOME}/totp", **fields)
    assert "It is <b>on</b>" in ann.text(HOME)


def test_a_recovery_code_and_new_ones(site, ann):
    _, codes = with_app(ann)
    log_in(ann)
    assert ann.post("/auth/login/second", otp=codes[0]).status_code == 303
    assert "9 codes left" in ann.text(HOME)
    form = {"key": hidden(ann.text(f"{HOME}/codes"), "key"), "password": PASSWORD}
    fresh = ann.post(f"{HOME}/codes", **form).text
    assert codes[1] not in fresh
    assert "were shown already" in ann.submit(f"{HOME}/codes", **form)
    log_in(ann)
    [first, *_] = re.findall(r"<li><code>([a-z0-9-]+)</code>", fresh)
    assert ann.post("/auth/login/second", otp=first).status_code == 303


def test_removing_the_app(site, ann):
    with_app(ann)
    assert "The authenticator app has been removed." in ann.submit(f"{HOME}/totp", password=PASSWORD)
    assert log_in(ann).headers["Location"] == "/"


def test_too_many_codes(site, ann):
    with_app(ann)
    log_in(ann)
    pages = [ann.post("/auth/login/second", otp=f"x{n}") for n in range(6)]
    assert [page.status_code for page in pages] == [400] * 5 + [429]
    assert int(pages[-1].headers["Retry-After"]) > 0


@pytest.mark.parametrize("pending", [None, "nonsense"])
def test_without_a_first_step_there_is_no_second(site, pending):
    stranger = site.stranger()
    if pending:
        with stranger.http.session_transaction() as kept:
            kept["pending"] = pending
    assert stranger.get("/auth/login/second").headers["Location"] == "/auth/login"
    assert stranger.post("/auth/login/second", otp="123456").headers["Location"] == "/auth/login"


def test_a_passkey_is_made_used_and_removed(site, ann):
    key = Authenticator("http://localhost")
    page = ann.post(f"{HOME}/passkeys", name="My <b>key</b>", password=PASSWORD).text
    credential = json.dumps(key.create(options_on(page)))
    fields = {name: hidden(page, name) for name in ("pending", "name")}
    assert "Recovery codes" in ann.post(f"{HOME}/passkeys", credential=credential, **fields).text
    assert "were shown already" in ann.submit(f"{HOME}/passkeys", credential=credential, **fields)
    shown = ann.text(HOME)
    assert "My &lt;b&gt;key&lt;/b&gt;" in shown
    log_in(ann)
    told = options_on(ann.text("/auth/login/second"))
    wrong = ann.post("/auth/login/second", passkey=json.dumps(Authenticator("http://localhost").get(told)))
    assert wrong.status_code == 400
    assert re.search('role="alert">This code is not right', wrong.text)
    assert ("otp-error" in wrong.text, hidden(wrong.text, "passkey")) == (False, "")
    assert ann.post("/auth/login/second", passkey=json.dumps(key.get(told))).status_code == 303
    remove = re.search(rf"{HOME}/passkeys/\d+", ann.text(HOME))[0]
    assert ann.post(remove, password="wrong").status_code == 400
    assert "The passkey has been removed." in ann.submit(remove, password=PASSWORD)
    assert ann.get(remove).status_code == 404


@pytest.mark.parametrize(
    "credential", ["x", "[]", "{}", "[" * 5000, '{"a":' * 600 + "1" + "}" * 600, "1" * 9000]
)
def test_what_is_no_passkey_is_refused_with_a_sentence(site, ann, credential):
    answer = ann.post(f"{HOME}/passkeys", pending="x", name="y", credential=credential)
    assert answer.headers["Location"] == f"{HOME}/passkeys"
    assert "This" in ann.text(f"{HOME}/passkeys")


def test_the_log_of_ones_own(site, ann):
    ann.log_in("wrong")
    page = ann.text("/auth/log")
    assert "A wrong password" in page
    assert page.index("A wrong password") < page.index("Registered")
    assert "Registered" not in ann.text("/auth/log?kind=signed-in")
    assert ann.get("/auth/log?before=x&kind=y").status_code == 200
    assert ann.get("/auth/log/all").status_code == 403
    assert site.stranger().get("/auth/log").status_code == 302


def test_the_log_of_everybody(site, ann):
    root = site.administrator()
    page = root.text(f"/auth/log/all?user={ann.name}&kind=registered")
    assert f'href="/user/{ann.name}"' in page
    assert page.count('class="session card-like"') == 1
    assert "There is no activity of this kind." in root.text("/auth/log/all?user=nobody.at.all")
    assert "<title>Flasky - Everybody&#39;s Activity</title>" in root.text("/auth/log/all")
    assert "<title>Flasky - Activity</title>" in root.text("/auth/log")


def test_the_log_goes_back_page_by_page(site, ann):
    told = site.parts["auth"].app.extensions["settings"]
    told.log_page = 1
    try:
        page = ann.text("/auth/log")
        older = html.unescape(re.search(r'href="(/auth/log\?before=\d+)" rel="next"', page)[1])
        assert ann.text(older) != page
    finally:
        told.log_page = 50


def test_pages_say_so_when_auth_is_away(site, ann):
    token = ann.token()
    site.parts["auth"].stop()
    for path in (HOME, "/auth/log"):
        answer = ann.http.get(path, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, "not available" in answer.text) == (200, True), path
