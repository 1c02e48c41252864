"""Two at once, each in the middle of the other: sessions, removals, administration."""

import time

import pytest

from chassis.testing.crossing import crossing

from .states import email_of, password_of
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
