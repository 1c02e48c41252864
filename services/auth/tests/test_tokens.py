"""Tokens of API clients."""

from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest

from .states import password_of

TOKENS = "/api/v1/tokens/"
REFRESH = "/api/v1/tokens/refresh"


def claims(token):
    return jwt.decode(token, options={"verify_signature": False})


def refresh(auth, token):
    return auth.anonymous().post(REFRESH, json={"refresh_token": token})


def use_up(auth, seconds):
    """The refresh tokens used so far were used so many seconds ago."""
    auth.change(
        "UPDATE refresh_tokens SET used_at = :at WHERE used_at IS NOT NULL",
        at=f"2020-01-01 00:00:{seconds:02d}+00:00",
    )


def test_a_password_gives_a_token_that_lives_an_hour(auth):
    id = auth.person("susan")
    answer = auth.signed_in("susan").post(TOKENS)
    told = claims(answer.json["token"])
    header = jwt.get_unverified_header(answer.json["token"])
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert (answer.json["expiration"], answer.json["refresh_expiration"]) == (3600, 30 * 24 * 3600)
    assert (header["typ"], header["alg"], told["exp"] - told["iat"]) == ("at+jwt", "EdDSA", 3600)
    assert told["jti"]
    expected = {
        "iss": "auth",
        "aud": "api",
        "sub": str(id),
        "username": "susan",
        "perms": 7,
        "confirmed": True,
    }
    assert {name: told[name] for name in expected} == expected
    assert (told["ver"], told["amr"], len(told["avatar"])) == (2, ["token"], 32)
    assert auth.rows("sessions", f"sid = '{told['sid']}'")[0]["kind"] == "api"


def test_a_token_cannot_renew_itself(auth):
    auth.person("susan")
    for caller in (auth.api_client("susan"), auth.in_browser("susan"), auth.anonymous()):
        answer = caller.post(TOKENS)
        assert (answer.status_code, answer.json["message"]) == (401, "Invalid credentials")


def test_tokens_are_for_the_confirmed(auth):
    auth.newcomer("susan")
    answer = auth.signed_in("susan").post(TOKENS)
    assert (answer.status_code, answer.json["message"]) == (403, "Unconfirmed account")


def test_what_a_password_gave_ends_with_it(auth):
    auth.person("susan")
    susan = auth.signed_in("susan")
    auth.change("UPDATE users SET password_ver = ver + 1")
    assert susan.post(TOKENS).status_code == 401


def test_confirmed_counts_as_it_is_now(auth):
    auth.person("susan")
    susan = auth.signed_in("susan")
    auth.change("UPDATE users SET confirmed = false")
    assert susan.post(TOKENS).status_code == 403


def test_a_refresh_token_gives_new_ones_and_is_used_up(auth):
    auth.person("susan")
    first = auth.tokens("susan")
    second = refresh(auth, first["refresh_token"])
    third = refresh(auth, second.json["refresh_token"])
    assert (second.status_code, third.status_code) == (200, 200)
    assert claims(first["token"])["sid"] == claims(third.json["token"])["sid"]
    assert len({first["refresh_token"], second.json["refresh_token"], third.json["refresh_token"]}) == 3
    assert auth.with_token(third.json["token"]).get("/api/v1/users/me").status_code == 200


def test_shown_again_at_once_it_gives_the_same_successor(auth):
    auth.person("susan")
    first = auth.tokens("susan")["refresh_token"]
    one, other = refresh(auth, first).json, refresh(auth, first).json
    assert one["refresh_token"] == other["refresh_token"]
    assert refresh(auth, one["refresh_token"]).status_code == 200


def test_shown_again_later_it_ends_the_session(auth):
    auth.person("susan")
    tokens = auth.tokens("susan")
    successor = refresh(auth, tokens["refresh_token"]).json
    use_up(auth, 0)
    statuses = [
        refresh(auth, tokens["refresh_token"]).status_code,
        refresh(auth, successor["refresh_token"]).status_code,
        auth.exchange(kind="token", token=successor["token"]).status_code,
    ]
    [ended] = auth.internal().get("/internal/changes?since=0").json["revoked"]
    assert statuses == [401, 401, 401]
    assert ended["sid"] == claims(tokens["token"])["sid"]


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE sessions SET revoked_at = '2020-01-01 00:00:00+00:00'",
        "UPDATE sessions SET expires_at = '2020-01-01 00:00:00+00:00'",
        "UPDATE refresh_tokens SET expires_at = '2020-01-01 00:00:00+00:00'",
        "UPDATE users SET disabled = true",
    ],
)
def test_a_refresh_token_ends_with_what_it_stands_for(auth, end):
    auth.person("susan")
    token = auth.tokens("susan")["refresh_token"]
    auth.change(end)
    answer = refresh(auth, token)
    assert (answer.status_code, answer.json["message"]) == (401, "Invalid credentials")


def test_refreshing_is_for_the_confirmed_and_uses_nothing_up_otherwise(auth):
    auth.person("susan")
    token = auth.tokens("susan")["refresh_token"]
    auth.change("UPDATE users SET confirmed = false")
    refused = refresh(auth, token)
    auth.change("UPDATE users SET confirmed = true")
    assert (refused.status_code, refused.json["message"]) == (403, "Unconfirmed account")
    assert refresh(auth, token).status_code == 200


def test_refreshed_tokens_have_the_rights_of_now(auth):
    auth.person("susan")
    token = auth.tokens("susan")["refresh_token"]
    auth.flask("users", "grant", "susan@example.com", "Moderator")
    assert claims(refresh(auth, token).json["token"])["perms"] == 15


def test_nonsense_is_not_a_refresh_token(auth):
    assert refresh(auth, "nonsense").status_code == 401
    assert refresh(auth, "").status_code == 400
    assert refresh(auth, None).status_code == 400


def test_ending_a_token(auth):
    auth.person("susan")
    tokens = auth.tokens("susan")
    susan = auth.with_token(tokens["token"])
    answer = susan.delete(TOKENS)
    assert (answer.status_code, answer.headers["Identity-Changed"]) == (204, "1")
    assert refresh(auth, tokens["refresh_token"]).status_code == 401
    assert auth.exchange(kind="token", token=tokens["token"]).status_code == 401


def test_a_password_has_no_token_to_end(auth):
    auth.person("susan")
    answer = auth.signed_in("susan").delete(TOKENS)
    assert answer.status_code == 400
    assert "token" in answer.json["message"]


def test_a_token_of_somebody_who_is_gone(auth):
    auth.person("susan")
    susan = auth.signed_in("susan")
    auth.change("DELETE FROM mail_tokens WHERE 1 = 1") if auth.rows("mail_tokens") else None
    auth.change("DELETE FROM users")
    assert susan.get("/api/v1/users/me").status_code == 401
    assert susan.post(TOKENS).status_code == 401
    assert susan.patch("/api/v1/users/me", json={"name": "x"}).status_code == 404
    assert password_of("susan")


def test_many_who_refresh_at_once_get_the_same_successor(auth):
    auth.person("susan")
    token = auth.tokens("susan")["refresh_token"]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: refresh(auth, token), range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({answer.json["refresh_token"] for answer in answers}) == 1
    assert len(auth.rows("refresh_tokens")) == 2
