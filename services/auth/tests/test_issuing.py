"""Tokens that are given while the password is looked at that they were asked for with."""

import pytest

from auth.commands.clients import CODE_NEEDED
from chassis.testing.crossing import crossing

from .states import committing, email_of, password_of
from .test_factors import with_app
from .test_meanwhile import app_set_up, changed, disabled, reset
from .test_tokens import claims, refresh

OPENED = "INSERT INTO sessions"


def issuing(auth, username, **other):
    sent = {"kind": "password", "email": email_of(username), "password": password_of(username)}
    return auth.exchange(**sent | {"address": "192.0.2.1", "agent": "curl/8", "issue": True} | other)


def kinds(auth, user):
    return [row["kind"] for row in auth.rows("audit", f"user_id = {user}")]


def test_they_are_what_a_request_for_tokens_gives(auth):
    auth.person("susan")
    asked = auth.tokens("susan")
    answer = issuing(auth, "susan")
    issued = answer.json["issued"]
    same = [
        {name: value for name, value in given.items() if "token" not in name} for given in (asked, issued)
    ]
    told = [claims(given["token"]) for given in (asked, issued)]
    differs = {"iat", "exp", "jti", "sid"}
    assert (answer.status_code, issued.keys()) == (200, asked.keys())
    assert same[0] == same[1]
    assert [{name: each[name] for name in each.keys() - differs} for each in told] == [
        {name: told[0][name] for name in told[0].keys() - differs}
    ] * 2
    assert auth.with_token(issued["token"]).get("/api/v1/users/me").status_code == 200
    assert refresh(auth, issued["refresh_token"]).status_code == 200


def test_the_token_beside_them_is_as_without(auth):
    auth.person("susan")
    told = claims(issuing(auth, "susan").json["token"])
    assert (told["amr"], told["sid"], told["exp"] - told["iat"]) == (["pwd"], "", 300)


def test_the_session_and_the_log_tell_from_where_and_nothing_twice(auth):
    susan = auth.person("susan")
    before = kinds(auth, susan)
    sid = claims(issuing(auth, "susan").json["issued"]["token"])["sid"]
    [session] = auth.rows("sessions", f"sid = '{sid}'")
    assert (session["kind"], session["address"], session["agent"]) == ("api", "192.0.2.1", "curl/8")
    assert kinds(auth, susan)[len(before) :] == ["tokens-issued"]


def test_it_is_one_transaction_before_the_hash_and_one_after(auth):
    auth.person("susan")
    with committing() as committed:
        assert issuing(auth, "susan").json["issued"]
    assert len(committed) == 2


def test_a_right_password_counts_against_nobody(auth):
    auth.person("susan")
    for _ in range(12):  # ten wrong ones would be too many
        assert issuing(auth, "susan").status_code == 200


def test_a_wrong_password_is_given_nothing(auth):
    auth.person("susan")
    answer = issuing(auth, "susan", password="wrong")
    assert (answer.status_code, answer.json["message"]) == (401, "Invalid credentials")
    assert auth.rows("sessions", "kind = 'api'") == []


def test_who_has_to_be_told_something_asks_for_tokens(auth):
    """Unconfirmed accounts, and those with a second factor."""
    auth.newcomer("susan")
    with_app(auth, "david")
    for name, reason in (("susan", "Unconfirmed account"), ("david", CODE_NEEDED)):
        answer = issuing(auth, name)
        assert (answer.status_code, "issued" in answer.json) == (200, False)
        refused = auth.with_token(answer.json["token"]).post("/api/v1/tokens/")
        assert (refused.status_code, refused.json["message"]) == (403, reason)


@pytest.mark.only_real  # on SQLite the one begins when the other has ended
@pytest.mark.parametrize("happens", [reset, changed, disabled, app_set_up])
def test_it_waits_for_what_makes_the_password_hold_no_more(auth, happens):
    auth.person("susan")
    act = happens(auth)
    before = len(auth.rows("sessions", "kind = 'api' AND revoked_at IS NULL"))
    done, answer = crossing(auth, act, lambda: issuing(auth, "susan"), after="UPDATE users SET")
    assert (done.status_code < 300, answer.status_code) == (True, 401)
    assert len(auth.rows("sessions", "kind = 'api' AND revoked_at IS NULL")) <= before


@pytest.mark.only_real
@pytest.mark.parametrize("happens", [reset, disabled])
def test_what_is_just_being_given_is_ended_with_all_others(auth, happens):
    auth.person("susan")
    act = happens(auth)
    answer, done = crossing(auth, lambda: issuing(auth, "susan"), act, after=OPENED)
    assert (answer.status_code, done.status_code < 300) == (200, True)
    assert auth.rows("sessions", "kind = 'api' AND revoked_at IS NULL") == []


@pytest.mark.only_real
def test_an_account_that_is_being_removed_meanwhile_blocks_nobody(auth):
    auth.person("susan")
    browser = auth.in_browser("susan")
    gone = lambda: browser.delete("/api/v1/users/me", json={"password": password_of("susan")})  # noqa: E731
    answer, done = crossing(auth, lambda: issuing(auth, "susan"), gone, after=OPENED)
    assert (answer.status_code, done.status_code) == (200, 202)
    assert auth.rows("sessions", "kind = 'api' AND revoked_at IS NULL") == []
