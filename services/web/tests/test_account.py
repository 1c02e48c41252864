"""Registering, confirming, logging in, and changing the password and the address."""

import re

import pytest

from web.visitors import safe_path


def test_the_new_users_scenario(site):
    stranger = site.stranger()
    stranger.name, stranger.email = "john", "john@example.com"
    answer = stranger.register()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/auth/login")
    assert "A confirmation email has been sent to you by email." in stranger.text("/auth/login")
    stranger.log_in()
    page = stranger.text("/")
    assert re.search(r"Hello,\s+john!", page)
    assert "You have not confirmed your account yet" in page
    link = site.link(stranger.email, "confirm")
    assert "Confirm my account" in stranger.text(link)
    assert "You have confirmed your account. Thanks!" in stranger.submit(link)
    assert "You have been logged out." in stranger.submit("/auth/logout")
    assert "Hello, Stranger!" in stranger.text("/")


def test_logging_in_sets_a_cookie_of_the_browser_session(site, ann):
    ann.submit("/auth/logout")
    cookie = ann.log_in().headers["Set-Cookie"]
    assert "session=" in cookie
    assert "HttpOnly; Path=/; SameSite=Lax" in cookie
    assert "Max-Age" not in cookie
    remembered = ann.log_in(remember_me="y").headers["Set-Cookie"]
    assert "Max-Age=31536000" in remembered


def test_a_wrong_password_says_nothing_more(site, ann):
    stranger = site.stranger()
    stranger.email = ann.email
    wrong = stranger.log_in("wrong password")
    assert wrong.status_code == 400
    assert "Invalid email or password." in wrong.text
    assert f'value="{ann.email}"' in wrong.text
    assert "wrong password" not in wrong.text
    stranger.email = "nobody@example.com"
    assert "Invalid email or password." in stranger.log_in("wrong password").text
    assert stranger.post("/auth/login").text.count("Please fill in this field.") == 2


def test_who_is_disabled_is_told_so_with_the_right_password_only(site, ann):
    root = site.administrator()
    root.submit(f"/edit-profile/{ann.id}", disabled="y", **root.form(f"/edit-profile/{ann.id}"))
    told, guessed = ann.log_in(), ann.log_in("wrong password")
    assert (told.status_code, guessed.status_code) == (403, 400)
    assert "This account has been disabled." in told.text
    assert "User, <b>disabled</b>." in root.text(f"/user/{ann.name}")
    assert "session=" not in told.headers.get("Set-Cookie", "")
    assert "Invalid email or password." in guessed.text
    assert "disabled" not in guessed.text


def test_what_a_field_wants_is_said_with_the_field(site):
    wanted = site.stranger().text("/auth/register")
    refused = site.stranger().post("/auth/register", username="1").text
    for page, described in ((wanted, "username-hint"), (refused, "username-error username-hint")):
        assert re.search(rf'<input aria-describedby="{described}"[^>]* id="username"', page)
        assert all(f'id="{id}"' in page for id in described.split())


def test_too_many_wrong_passwords(site, ann):
    stranger = site.stranger()
    stranger.email = ann.email
    fields = {"csrf_token": stranger.csrf(), "email": ann.email, "password": "wrong"}
    headers = {"X-Forwarded-For": "192.0.2.77"}
    tries = [stranger.open("POST", "/auth/login", data=fields, headers=headers) for _ in range(11)]
    assert tries[-1].status_code == 429
    assert "Too many wrong passwords" in tries[-1].text
    assert int(tries[-1].headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("target", "safe"),
    [
        ("/user/ann", "/user/ann"),
        ("/post/1?page=-1#comments", "/post/1?page=-1#comments"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/x\\y", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("/a\nSet-Cookie: x", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_next_leads_only_to_this_site(target, safe):
    assert safe_path(target) == safe


def test_next_survives_a_failed_attempt(site, ann):
    ann.submit("/auth/logout")
    assert ann.get("/edit-profile").headers["Location"] == "/auth/login?next=/edit-profile"
    failed = ann.log_in("wrong", to="?next=/edit-profile")
    assert "action=" not in re.search(r'<form method="post"[^>]*id="login-form"[^>]*>', failed.text)[0]
    assert ann.log_in(to="?next=/edit-profile").headers["Location"] == "/edit-profile"
    assert ann.log_in(to="?next=//evil.example").headers["Location"] == "/"


@pytest.mark.parametrize("path", ["login", "login/second", "logout", "register", "reset", "reset/abc"])
def test_nobody_is_led_back_to_the_way_in(site, path):
    stranger = site.stranger()
    answer = stranger.get(f"/auth/{path}")
    page = answer.text if answer.status_code == 200 else stranger.text(answer.headers["Location"])
    assert "next=" not in answer.headers.get("Location", "")
    assert 'href="/auth/login">Log In</a>' in page


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("email", "not an address", "Email is not a valid e-mail address."),
        ("email", "", "Please fill in this field."),
        ("email", "x" * 250 + "@example.com", "between 1 and 254"),
        ("username", "1ann", "Usernames must begin with a letter"),
        ("username", "a" * 65, "between 1 and 64"),
        ("password2", "another one", "Passwords must match."),
        ("password", "short", "Passwords must match."),
    ],
)
def test_what_is_wrong_with_a_registration(site, field, value, reason):
    fields = {"email": "new@example.com", "username": "new", "password": "long enough 1"}
    fields |= {"password2": "long enough 1", field: value}
    answer = site.stranger().post("/auth/register", **fields)
    assert answer.status_code == 400
    assert reason in answer.text
    assert "long enough 1" not in answer.text
    assert 'value="new' in answer.text


def test_a_registration_that_auth_refuses(site, ann):
    fields = {"email": ann.email.upper(), "username": ann.name.upper()}
    taken = site.stranger().post(
        "/auth/register", password="long enough 1", password2="long enough 1", **fields
    )
    assert taken.status_code == 409
    assert "Email is registered already." in taken.text
    assert "Username is in use already." in taken.text
    weak = site.stranger().post(
        "/auth/register", email="w@example.com", username="w", password="password", password2="password"
    )
    assert weak.status_code == 400
    assert "best-known passwords" in weak.text


def test_an_unconfirmed_account_sees_only_its_own_management(site, ann):
    newcomer = site.newcomer()
    for path in ("/", "/explore", f"/user/{ann.name}", "/edit-profile", "/followed"):
        assert newcomer.get(path).headers["Location"] == "/auth/unconfirmed", path
    assert newcomer.post("/", body="x").headers["Location"] == "/auth/unconfirmed"
    links = re.findall(r'<a href="(/auth/[^"]+)">', newcomer.text("/auth/unconfirmed"))
    assert "/auth/log" in links
    for path in (*links, "/auth/logout"):
        assert newcomer.get(path).status_code == 200, path
    assert newcomer.get("/nowhere").status_code == 404
    for path in ("/robots.txt", "/feed.atom", "/sitemap.xml"):  # for machines, as everybody has them
        assert newcomer.get(path).status_code == 200, path
    assert newcomer.get("/static/styles.css").status_code == 200


def test_who_waits_for_a_mail_sees_where_it_went(site):
    newcomer = site.newcomer()
    page = newcomer.text("/auth/unconfirmed")
    assert f"<b>{newcomer.email}</b>" in page
    assert 'Is that not your address? <a href="/auth/change-email">' in page
    token = newcomer.token()
    site.parts["auth"].stop()
    answer = newcomer.http.get("/auth/unconfirmed", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, newcomer.email in answer.text) == (200, False)


def test_who_is_not_unconfirmed_has_nothing_to_see_there(site, ann):
    assert ann.get("/auth/unconfirmed").headers["Location"] == "/"
    assert site.stranger().get("/auth/unconfirmed").headers["Location"] == "/"


def test_a_fresh_confirmation_mail(site):
    newcomer = site.newcomer()
    old = site.link(newcomer.email, "confirm")
    assert 'id="confirm-form"' in newcomer.text("/auth/confirm")
    assert "A new confirmation email has been sent to you by email." in newcomer.submit("/auth/confirm")
    assert "The confirmation link is invalid or has expired." in newcomer.submit(old)
    assert "Thanks!" in newcomer.submit(site.link(newcomer.email, "confirm"))
    assert newcomer.get(old).headers["Location"] == "/"


def test_a_confirmation_link_is_opened_after_logging_in(site):
    newcomer = site.newcomer()
    link = site.link(newcomer.email, "confirm")
    assert site.stranger().get(link).headers["Location"] == f"/auth/login?next={link}"


def test_changing_the_password(site, ann):
    fields = {
        "old_password": "correct horse 7",
        "password": "another horse 8",
        "password2": "another horse 8",
    }
    wrong = ann.post("/auth/change-password", **(fields | {"old_password": "nope"}))
    assert wrong.status_code == 400
    assert "Old password is not right." in wrong.text
    short = ann.post("/auth/change-password", **(fields | {"password": "short", "password2": "short"}))
    assert "Password must have at least 8 characters." in short.text
    assert "Your password has been updated." in ann.submit("/auth/change-password", **fields)
    assert ann.log_in("another horse 8").status_code == 303
    assert ann.post("/auth/change-password").status_code == 400


def test_resetting_the_password(site, ann):
    assert ann.get("/auth/reset").headers["Location"] == "/"
    stranger = site.stranger()
    for address in (ann.email, "nobody@example.com"):
        assert "An email with instructions" in stranger.submit("/auth/reset", email=address)
    link = site.link(ann.email, "reset")
    assert ann.get(link).headers["Location"] == "/"
    assert stranger.get(link).status_code == 200
    weak = stranger.post(link, password="password", password2="password")
    assert "best-known passwords" in weak.text
    assert stranger.post(link).status_code == 400
    fields = {"password": "another horse 8", "password2": "another horse 8"}
    assert "Your password has been updated." in stranger.submit(link, **fields)
    assert "invalid or has expired" in stranger.submit(link, **fields)
    assert "Hello, Stranger!" in ann.text("/")
    assert stranger.post("/auth/reset", email="").status_code == 400


def test_changing_the_address(site, ann):
    new = f"new.{ann.email}"
    wrong = ann.post("/auth/change-email", email=new, password="nope")
    assert "Password is not right." in wrong.text
    assert f'value="{new}"' in wrong.text
    assert ann.post("/auth/change-email").status_code == 400
    page = ann.submit("/auth/change-email", email=new, password="correct horse 7")
    assert "to confirm your new email address" in page
    link = site.link(new, "change-email")
    assert 'id="confirm-form"' in ann.text(link)
    assert "Your email address has been updated." in ann.submit(link)
    assert "invalid or has expired" in ann.submit(link)


def test_a_link_for_the_address_of_somebody_else_says_so(ann, ben, site):
    new = f"new.{ann.email}"
    ann.submit("/auth/change-email", email=new, password="correct horse 7")
    link = site.link(new, "change-email")
    assert "it is not for this account" in ben.submit(link)
    assert ann.email in site.administrator().text(f"/edit-profile/{ann.id}")
    assert "Your email address has been updated." in ann.submit(link)
