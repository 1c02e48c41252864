"""What was proven and holds no more when it is used: hashing takes a while, and a second step ten minutes."""

import time
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest

from .states import email_of, password_of

ME = "/api/v1/users/me"
NEW = "brand new words"


class Meanwhile:
    """Looks at a password as usual; then, once, something else happens before anybody is told."""

    def __init__(self, auth, act):
        self._hasher, self._act = auth.app.extensions["hasher"], act
        auth.app.extensions["hasher"] = self

    def __getattr__(self, name):
        return getattr(self._hasher, name)

    def matches(self, password, hash):
        right, act, self._act = self._hasher.matches(password, hash), self._act, None
        if act is not None:
            with ThreadPoolExecutor(1) as other:
                assert other.submit(act).result().status_code < 300
        return right


def reset(auth, name="susan"):
    """The link is in the mail already; what is given back is pressed later."""
    auth.anonymous().post("/api/v1/users/reset", json={"email": email_of(name)})
    sent = {"token": auth.link(email_of(name)), "password": NEW}
    return lambda: auth.anonymous().post("/api/v1/users/reset", json=sent)


def changed(auth):
    sent, browser = {"old_password": password_of("susan"), "password": NEW}, auth.in_browser("susan")
    return lambda: browser.put(f"{ME}/password", json=sent)


def disabled(auth):
    administrator = auth.administrator()
    [susan] = auth.rows("users", "username = 'susan'")
    return lambda: administrator.patch(f"/api/v1/users/{susan['id']}", json={"disabled": True})


def app_set_up(auth):
    browser = auth.in_browser("susan")
    secret = browser.post(f"{ME}/second-factor/totp", json={"password": password_of("susan")}).json["secret"]
    sent = {"code": pyotp.TOTP(secret).at(time.time())}
    return lambda: browser.put(f"{ME}/second-factor/totp", json=sent)


@pytest.mark.parametrize("happens", [reset, changed, disabled, app_set_up])
def test_no_session_for_a_password_that_holds_no_more(auth, happens):
    auth.person("susan")
    act = happens(auth)
    before = len(auth.rows("sessions"))
    Meanwhile(auth, act)
    assert auth.sign_in("susan", remember=True).status_code == 401
    assert len(auth.rows("sessions")) == before


def in_second_step(auth):
    """Somebody who has shown the password and has a second step before them; and a recovery code."""
    auth.person("susan")
    browser = auth.in_browser("susan")
    act = app_set_up(auth)
    codes = act().json["recovery_codes"]
    return browser, auth.in_step("susan"), codes


def finished(auth, begun, code):
    sent = {"pending": begun.json["pending"], "otp": code}
    return auth.internal().post("/internal/sessions/second", json=sent)


def test_a_second_step_goes_on_when_nothing_has_happened(auth):
    _, begun, codes = in_second_step(auth)
    assert finished(auth, begun, codes[0]).status_code == 201


@pytest.mark.parametrize("happens", [reset, disabled])
def test_a_second_step_ends_with_what_it_began_from(auth, happens):
    _, begun, codes = in_second_step(auth)
    assert happens(auth)().status_code < 300
    auth.change("UPDATE users SET disabled = false")
    answer = finished(auth, begun, codes[0])
    assert (answer.status_code, answer.json["message"]) == (400, "This took too long. Sign in again.")


def test_signing_out_everywhere_ends_it_too(auth):
    _, begun, codes = in_second_step(auth)
    second = finished(auth, auth.in_step("susan"), codes[1])
    assert auth.with_token(second.json["token"]).delete(f"{ME}/sessions/").status_code == 204
    assert finished(auth, begun, codes[0]).status_code == 400


def test_a_removed_account_has_no_second_step_left(auth):
    _, begun, codes = in_second_step(auth)
    second = finished(auth, auth.in_step("susan"), codes[1])
    gone = auth.with_token(second.json["token"]).delete(ME, json={"password": password_of("susan")})
    assert gone.status_code == 202
    assert auth.rows("challenges") == []
    answer = finished(auth, begun, codes[0])
    assert (answer.status_code, answer.json["message"]) == (400, "This took too long. Sign in again.")
    pending = {"pending": begun.json["pending"]}
    assert auth.internal().post("/internal/sessions/ways", json=pending).status_code == 400


def test_no_second_step_begins_for_a_password_that_holds_no_more(auth):
    in_second_step(auth)
    act = reset(auth)
    before = len(auth.rows("challenges"))
    Meanwhile(auth, act)
    assert auth.sign_in("susan").status_code == 401
    assert len(auth.rows("challenges")) < before
