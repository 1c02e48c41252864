"""Two at once, each in the middle of the other: sessions, removals, administration."""

import time

import pytest

from auth.commands import factors, sessions
from chassis.testing.crossing import crossing

from .authenticator import Authenticator
from .states import email_of, password_of
from .test_factors import FACTOR, PUBLIC, code, confirmation, finish, with_app
from .test_meanwhile import app_set_up, changed, disabled, reset

ME = "/api/v1/users/me"
OPENED = "INSERT INTO sessions"


def live(auth, kind):
    return auth.rows("sessions", f"kind = '{kind}' AND revoked_at IS NULL")


@pytest.mark.only_real  # on SQLite the one begins when the other has ended
@pytest.mark.parametrize("happens", [reset, changed, disabled, app_set_up])
def test_a_sign_in_waits_for_what_makes_its_password_hold_no_more(auth, happens):
    auth.person("susan")
    act = happens(auth)
    before = len(live(auth, "browser"))
    done, answer = crossing(auth, act, lambda: auth.sign_in("susan"), after="UPDATE users SET")
    assert done.status_code < 300
    assert answer.status_code == 401
    assert len(live(auth, "browser")) <= before


@pytest.mark.only_real
@pytest.mark.parametrize("happens", [reset, disabled])
def test_a_session_that_is_just_being_opened_is_ended_with_all_others(auth, happens):
    auth.person("susan")
    act = happens(auth)
    answer, done = crossing(auth, lambda: auth.sign_in("susan"), act, after=OPENED)
    assert (answer.status_code, done.status_code < 300) == (201, True)
    [susan] = auth.rows("users", "username = 'susan'")
    assert auth.rows("sessions", f"user_id = {susan['id']} AND revoked_at IS NULL") == []


@pytest.mark.only_real
def test_of_two_who_sign_in_at_once_none_leaves_a_session_too_many(auth, monkeypatch):
    monkeypatch.setattr(sessions, "MOST", 2)
    auth.person("susan")
    old = [auth.sign_in("susan").json["session"] for _ in range(2)]
    sign_in = lambda: auth.sign_in("susan").json["session"]  # noqa: E731
    new = crossing(auth, sign_in, sign_in, after="UPDATE sessions SET revoked_at")
    alive = [auth.exchange(kind="session", session=each).status_code for each in (*old, *new)]
    assert alive == [401, 401, 200, 200]


@pytest.mark.only_real
def test_signing_out_everywhere_waits_for_tokens_that_are_being_made(auth):
    auth.person("susan")
    client, browser = auth.signed_in("susan"), auth.in_browser("susan")
    answer, done = crossing(
        auth, lambda: client.post("/api/v1/tokens/"), lambda: browser.delete(f"{ME}/sessions/"), after=OPENED
    )
    assert (answer.status_code, done.status_code) == (200, 204)
    assert live(auth, "api") == []


@pytest.mark.only_real
def test_administering_and_being_seen_do_not_block_each_other(auth):
    susan, administrator = auth.person("susan"), auth.administrator()
    [admin] = auth.rows("users", "username = 'admin'")
    assert susan < admin["id"]
    changed, noted = crossing(
        auth,
        lambda: administrator.patch(f"/api/v1/users/{susan}", json={"role": "Moderator"}),
        lambda: auth.internal().post(
            "/internal/seen", json={"seen": {str(susan): time.time(), str(admin["id"]): time.time()}}
        ),
        after="FOR NO KEY UPDATE OF users",
    )
    assert (changed.status_code, noted.status_code) == (200, 204)


@pytest.mark.only_real
def test_a_reset_mail_that_is_being_written_does_not_block_a_removal(auth):
    auth.person("susan")
    susan = auth.signed_in("susan")
    auth.anonymous().post("/api/v1/users/reset", json={"email": email_of("susan")})
    _, gone = crossing(
        auth,
        auth.deliver,
        lambda: susan.delete(ME, json={"password": password_of("susan")}),
        after="SKIP LOCKED",
    )
    assert gone.status_code == 202


def passkey_begun(browser):
    begun = browser.post(f"{FACTOR}/passkeys/options", json=confirmation()).json
    made = Authenticator(PUBLIC).create(begun["options"])
    sent = {"pending": begun["pending"], "name": "One more", "credential": made}
    return lambda: browser.post(f"{FACTOR}/passkeys/", json=sent)


def test_passkeys_that_were_begun_before_the_last_one_was_made_are_one_too_many(auth, monkeypatch):
    monkeypatch.setattr(factors, "MOST_PASSKEYS", 2)
    auth.person("susan")
    browser = auth.in_browser("susan")
    answers = [made().status_code for made in [passkey_begun(browser) for _ in range(4)]]
    assert (answers, len(auth.rows("passkeys"))) == ([201, 201, 409, 409], 2)


@pytest.mark.only_real
def test_of_two_last_passkeys_at_once_one_is_made(auth, monkeypatch):
    monkeypatch.setattr(factors, "MOST_PASSKEYS", 2)
    auth.person("susan")
    browser = auth.in_browser("susan")
    first, *both = [passkey_begun(browser) for _ in range(3)]
    first()
    answers = crossing(auth, *both, after="INSERT INTO passkeys")
    assert [answer.status_code for answer in answers] == [201, 409]
    assert len(auth.rows("passkeys")) == 2


@pytest.mark.only_real
@pytest.mark.parametrize(("kind", "after"), [("app", "UPDATE totps"), ("recovery", "FROM recovery_codes")])
def test_a_code_that_is_shown_twice_at_once_is_good_once(auth, kind, after):
    begun, app, codes = with_app(auth)
    other, shown = auth.in_step("susan"), code(app) if kind == "app" else codes[0]
    answers = crossing(
        auth, lambda: finish(auth, begun, otp=shown), lambda: finish(auth, other, otp=shown), after=after
    )
    assert [answer.status_code for answer in answers] == [201, 401]


@pytest.mark.only_real
def test_of_two_codes_for_one_second_step_at_once_one_opens_a_session(auth):
    begun, app, codes = with_app(auth)
    before = len(live(auth, "browser"))
    answers = crossing(
        auth,
        lambda: finish(auth, begun, otp=code(app)),
        lambda: finish(auth, begun, otp=codes[0]),
        after="DELETE FROM challenges",
    )
    assert [answer.status_code for answer in answers] == [201, 400]
    assert len(live(auth, "browser")) == before + 1
