"""What other processes of the installation ask auth."""

import time

import jwt
import pytest
from argon2 import PasswordHasher

from .states import committing, email_of, password_of
from .test_tokens import claims

NOW = time.time()


def changes(auth, since=0.0):
    return auth.internal().get(f"/internal/changes?since={since}").json


def test_the_internal_credential_is_needed(auth):
    auth.person("susan")
    for caller in (auth.anonymous(), auth.signed_in("susan"), auth._caller("Internal wrong")):
        assert caller.post("/internal/exchange", json={"kind": "token", "token": "x"}).status_code == 401
        assert caller.get("/internal/changes").status_code == 401
        assert caller.post("/internal/seen", json={"seen": {}}).status_code == 401
        assert caller.post("/internal/sessions", json={}).status_code == 401


def test_a_password_is_exchanged_for_a_short_lived_token(auth):
    auth.newcomer("Susan")
    answer = auth.exchange(kind="password", email=" SUSAN@example.com ", password=password_of("Susan"))
    told = claims(answer.json["token"])
    assert (answer.status_code, answer.json["expires_in"], told["exp"] - told["iat"]) == (200, 300, 300)
    assert (told["amr"], told["sid"], told["confirmed"], told["username"]) == (["pwd"], "", False, "Susan")


@pytest.mark.parametrize("email", ["susan@example.com", "nobody@example.com", "no address"])
def test_wrong_passwords_and_unknown_people_look_alike(auth, email):
    auth.newcomer("susan")
    answer = auth.exchange(kind="password", email=email, password="wrong", address="192.0.2.1")
    assert (answer.status_code, answer.json["message"]) == (401, "Invalid credentials")


def test_an_unknown_person_costs_a_hash_too(auth, monkeypatch):
    auth.newcomer("susan")
    real, seen = PasswordHasher.verify, []
    monkeypatch.setattr(PasswordHasher, "verify", lambda *given: seen.append(given) or real(*given))
    auth.exchange(kind="password", email="nobody@example.com", password="nobody has this password")
    assert [password for _, _, password in seen] == ["nobody has this password"]
    assert seen[0][1].startswith("$argon2id$")


def test_a_right_password_is_one_transaction_before_its_hash_and_one_after(auth):
    auth.newcomer("susan")
    for show in (auth.by_password, auth.sign_in):
        with committing() as committed:
            assert show("susan").status_code < 300
        assert len(committed) == 2


def test_a_disabled_account_cannot_exchange_anything(auth):
    auth.person("susan")
    token, browser = auth.tokens("susan")["token"], auth.sign_in("susan").json["session"]
    pwd = auth.by_password("susan").json["token"]
    auth.change("UPDATE users SET disabled = true")
    answers = [
        auth.by_password("susan"),
        auth.exchange(kind="token", token=token),
        auth.exchange(kind="token", token=pwd),
        auth.exchange(kind="session", session=browser),
    ]
    assert {(answer.status_code, answer.json["message"]) for answer in answers} == {
        (401, "Invalid credentials")
    }


def test_only_who_proves_the_password_is_told_that_the_account_is_disabled(auth):
    auth.person("susan")
    auth.change("UPDATE users SET disabled = true")
    told = auth.sign_in("susan")
    guessed, unknown = auth.sign_in("susan", password="wrong"), auth.sign_in("nobody", password="wrong")
    assert (told.status_code, "disabled" in told.json["message"]) == (403, True)
    for answer in (guessed, unknown):
        assert (answer.status_code, answer.json["message"]) == (401, "Invalid credentials")
    assert auth.rows("sessions") == []


def test_who_guesses_at_a_disabled_account_has_no_more_tries_than_elsewhere(auth):
    auth.newcomer("susan")
    auth.change("UPDATE users SET disabled = true")
    assert [auth.sign_in("susan", password="wrong").status_code for _ in range(11)] == [401] * 10 + [429]
    assert auth.sign_in("susan").status_code == 429


def test_a_token_is_exchanged_for_one_with_the_rights_of_now_that_lives_no_longer(auth):
    auth.person("susan")
    token = auth.tokens("susan")["token"]
    auth.flask("users", "grant", email_of("susan"), "Moderator")
    answer = auth.exchange(kind="token", token=token)
    old, new = claims(token), claims(answer.json["token"])
    assert (old["perms"], new["perms"], new["ver"]) == (7, 15, old["ver"] + 1)
    assert (new["amr"], new["sid"]) == (["token"], old["sid"])
    assert (new["exp"] - new["iat"], answer.json["expires_in"]) == (300, 300)
    assert new["jti"] != old["jti"]


def test_exchanging_again_and_again_lengthens_nothing(auth):
    auth.person("susan")
    first = auth.by_password("susan").json["token"]
    second = auth.exchange(kind="token", token=first).json["token"]
    assert claims(second)["exp"] <= claims(first)["exp"]
    assert claims(second)["amr"] == ["pwd"]


def forged(auth, **changes):
    """A token signed with auth's own key, with other claims."""
    key = auth.app.extensions["keyring"].signing()
    auth.person("susan")
    if "exp" in changes:
        changes["exp"] += int(time.time())
    content = claims(auth.tokens("susan")["token"]) | changes
    return jwt.encode(content, key.private, "EdDSA", headers={"typ": "at+jwt", "kid": key.kid})


def test_what_is_nearly_over_is_exchanged_for_no_longer(auth):
    nearly_over = forged(auth, exp=30)
    new = auth.exchange(kind="token", token=nearly_over).json
    assert new["expires_in"] <= 30
    assert claims(new["token"])["exp"] <= claims(nearly_over)["exp"]


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": -2},
        {"exp": -60},
        {"sid": "0" * 32},
        {"sid": ""},
        {"sub": "1"},
        {"sub": "77", "sid": "", "amr": ["pwd"]},
        {"aud": "other"},
        {"iss": "other"},
    ],
)
def test_tokens_that_are_not_good_are_not_exchanged(auth, changes):
    auth.newcomer("first")
    assert auth.exchange(kind="token", token=forged(auth, **changes)).status_code == 401


def test_tokens_of_another_issuer_are_not_good(auth):
    auth.person("susan")
    strange = auth.as_("susan", 31)
    assert strange.get("/api/v1/users/").status_code == 401
    for token in (strange.authorization.removeprefix("Bearer "), "x", "a.b.c", ""):
        assert auth.exchange(kind="token", token=token).status_code == 401


def test_credentials_that_make_no_sense(auth):
    for sent in ({}, {"kind": "magic"}, {"kind": "password", "email": "x" * 255, "password": "x"}):
        assert auth.exchange(**sent).status_code == 400
    assert auth.exchange(kind="password", email="a\x00b", password="x").status_code == 400
    assert auth.exchange(kind="password").status_code == 401
    assert auth.exchange(kind="session").status_code == 401


def test_whose_rights_changed_is_told(auth):
    auth.newcomer("john")
    auth.newcomer("susan")
    before = changes(auth)
    auth.confirm(email_of("susan"))
    told = changes(auth, before["now"])
    assert (before["changes"], before["revoked"]) == ([], [])
    assert [(item["sub"], item["ver"]) for item in told["changes"]] == [("2", 2)]
    assert before["now"] <= told["changes"][0]["at"] <= told["now"]


def test_changes_overlap_because_commits_come_late_but_old_ones_are_over(auth):
    auth.person("susan")
    at = changes(auth)["changes"][0]["at"]
    assert len(changes(auth, at + 4)["changes"]) == 1
    assert len(changes(auth, at + 1e9)["changes"]) == 1
    auth.change("UPDATE users SET ver_changed_at = '2020-01-01 00:00:00+00:00'")
    assert changes(auth, 0)["changes"] == []


NO_TIMES = ["x", "-1", "nan", "inf", "1e300", "9" * 5000, "", "1_0", "%2B2", "%202", "2%0A", "02", ".5", "２"]


@pytest.mark.parametrize("since", NO_TIMES)
def test_a_time_that_is_none(auth, since):
    assert auth.internal().get(f"/internal/changes?since={since}").status_code == 400


def test_a_time_is_written_as_json_writes_numbers(auth):
    auth.person("susan")
    for since in ("0", "0.0", "1.5", "1e3", "2.5E%2B3", "1e-3"):
        assert len(changes(auth, since)["changes"]) == 1


def test_auth_does_not_verify_what_it_has_just_signed(auth, monkeypatch):
    auth.newcomer("susan")
    auth.signed_in("susan")  # by now it has looked at its keys
    susan = auth.signed_in("susan")
    monkeypatch.setattr("chassis.tokens.jwt.decode", lambda *_, **__: pytest.fail("verified"))
    assert susan.get("/api/v1/users/me").status_code == 200


def test_the_poll_costs_two_statements(auth):
    assert auth.statements(lambda: changes(auth)) == 2


def last_seen(auth):
    return {row["id"]: str(row["last_seen"]) for row in auth.rows("users")}


def test_last_seen_moves_only_forward(auth):
    for name in ("ann", "ben", "cleo"):
        auth.newcomer(name)
    before = last_seen(auth)
    auth.change("UPDATE users SET last_seen = '2020-01-01 00:00:00+00:00' WHERE id < 3")
    old = last_seen(auth)
    told = {"1": 1600000000.5, "2": 1000000000.0, "3": 1000000000.0, "99": 1600000000.0}
    answer = auth.internal().post("/internal/seen", json={"seen": told})
    after = last_seen(auth)
    assert answer.status_code == 204
    assert after[1].startswith("2020-09-13 12:26:40.5")
    assert (after[2], after[3]) == (old[2], before[3])


def test_nobody_is_seen_in_the_future(auth):
    id = auth.person("susan")
    auth.internal().post("/internal/seen", json={"seen": {"1": NOW + 1e6}})
    shown = auth.signed_in("susan").get(f"/api/v1/users/{id}").json["last_seen"]
    assert shown < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 60))


@pytest.mark.parametrize("seen", [{"x": 1.0}, {"1": "x"}, {"0": 1.0}, {"1": -5}, None, {"1": None}])
def test_what_was_not_seen(auth, seen):
    assert auth.internal().post("/internal/seen", json={"seen": seen}).status_code == 400


def test_a_thousand_people_are_seen_in_one_statement(auth):
    auth.newcomer("ann")
    told = {"seen": {str(id): NOW for id in range(1, 1001)}}
    assert auth.statements(lambda: auth.internal().post("/internal/seen", json=told)) <= 2
    assert auth.internal().post("/internal/seen", json={"seen": {}}).status_code == 204
