"""The second factor: an authenticator app, recovery codes, passkeys; what it asks for and what it refuses."""

import time

import pyotp
import pytest

from .states import email_of, password_of

FACTOR = "/api/v1/users/me/second-factor"
TOKENS = "/api/v1/tokens/"
PUBLIC = "http://localhost:8000"


def confirmation(name="susan"):
    return {"password": password_of(name)}


def with_app(auth, name="susan"):
    """Somebody with an authenticator app: a browser that is signed in, the app, the recovery codes."""
    auth.person(name)
    browser = auth.in_browser(name)
    app = pyotp.TOTP(browser.post(f"{FACTOR}/totp", json=confirmation(name)).json["secret"])
    codes = browser.put(f"{FACTOR}/totp", json={"code": app.at(time.time() - 30)}).json["recovery_codes"]
    return auth.in_step(name), app, codes


def code(app, steps=0):
    return app.at(time.time() + 30 * steps)


def finish(auth, begun, **shown):
    return auth.internal().post("/internal/sessions/second", json={"pending": begun.json["pending"], **shown})


def test_an_app_is_set_up_with_the_password_and_a_first_code(auth):
    auth.person("susan")
    susan = auth.in_browser("susan")
    assert susan.post(f"{FACTOR}/totp", json={"password": "wrong"}).status_code == 400
    made = susan.post(f"{FACTOR}/totp", json=confirmation())
    assert (made.status_code, made.headers.get("Cache-Control")) == (201, "no-store")
    app = pyotp.TOTP(made.json["secret"])
    assert made.json["uri"] == app.provisioning_uri(name="susan@example.com", issuer_name="Flasky")
    assert auth.sign_in("susan").status_code == 201  # it does not count yet
    wrong = susan.put(f"{FACTOR}/totp", json={"code": "000000" if code(app) != "000000" else "111111"})
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (400, "code")
    codes = susan.put(f"{FACTOR}/totp", json={"code": code(app)}).json["recovery_codes"]
    assert len(set(codes)) == 10
    assert auth.sign_in("susan").status_code == 202


def test_secrets_and_recovery_codes_are_not_in_the_database(auth):
    _, app, codes = with_app(auth)
    kept = str([auth.rows(table) for table in ("totps", "recovery_codes", "audit", "challenges")])
    assert app.secret not in kept
    assert not [one for one in codes if one in kept or one.replace("-", "") in kept]


def test_signing_in_with_a_code(auth):
    begun, app, _ = with_app(auth)
    assert begun.status_code == 202
    assert set(begun.json) == {"pending"}
    wrong = finish(auth, begun, otp="12345")
    assert wrong.status_code == 401
    right = finish(auth, begun, otp=code(app))
    assert (right.status_code, right.json["max_age"]) == (201, None)
    assert auth.exchange(kind="session", session=right.json["session"]).status_code == 200


def test_a_code_counts_once(auth):
    begun, app, _ = with_app(auth)
    shown = code(app)
    assert finish(auth, begun, otp=shown).status_code == 201
    assert finish(auth, auth.sign_in("susan"), otp=shown).status_code == 401
    assert finish(auth, auth.sign_in("susan"), otp=code(app, -1)).status_code == 401
    assert finish(auth, auth.sign_in("susan"), otp=code(app, 1)).status_code == 201


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (1, 201), (2, 401)])
def test_clocks_may_be_one_step_wrong(auth, steps, status):
    begun, app, _ = with_app(auth)
    assert finish(auth, begun, otp=code(app, steps)).status_code == status


def test_the_second_step_is_made_once_and_remembers_what_the_first_was_told(auth):
    _, app, _ = with_app(auth)
    begun = auth.sign_in("susan", remember=True)
    assert finish(auth, begun, otp=code(app)).json["max_age"] == 365 * 24 * 3600
    again = finish(auth, begun, otp=code(app, 1))
    assert (again.status_code, again.json["errors"][0]["field"]) == (400, "pending")


def test_the_second_step_comes_in_time_and_for_a_sign_in_only(auth):
    begun, app, _ = with_app(auth)
    auth.change("UPDATE challenges SET expires_at = :at", at="2020-01-01 00:00:00+00:00")
    assert finish(auth, begun, otp=code(app)).status_code == 400
    options = auth.in_step("susan")
    making = auth.with_token(finish(auth, options, otp=code(app)).json["token"])
    other = making.post(f"{FACTOR}/passkeys/options", json=confirmation())
    assert finish(auth, other, otp=code(app, 1)).status_code == 400


def test_five_wrong_codes_then_even_the_right_one_waits(auth):
    begun, app, _ = with_app(auth)
    wrong = [finish(auth, begun, otp=f"x{n}").status_code for n in range(6)]
    assert wrong == [401] * 5 + [429]
    assert finish(auth, begun, otp=code(app)).status_code == 429


def test_the_owner_on_a_known_browser_is_not_locked_out_of_the_second_step(auth):
    begun, app, _ = with_app(auth)
    device = finish(auth, begun, otp=code(app)).json["device"]
    other = auth.sign_in("susan")
    assert [finish(auth, other, otp=f"x{n}").status_code for n in range(6)] == [401] * 5 + [429]
    known = auth.sign_in("susan", device=device)
    assert finish(auth, known, otp=code(app, 1), device=device).status_code == 201


def test_all_known_browsers_of_an_account_have_five_wrong_codes_together(auth):
    """Whoever had the password before there was a second factor may have signed in any number of times."""
    _, _, codes = with_app(auth)
    devices = [finish(auth, auth.in_step("susan"), otp=one).json["device"] for one in codes[:3]]
    begun = auth.in_step("susan")
    wrong = [
        finish(auth, begun, otp=f"x{n}", device=device).status_code for device in devices for n in range(2)
    ]
    assert wrong == [401] * 5 + [429]


def test_a_recovery_code_is_good_once_however_it_is_written(auth):
    begun, _, codes = with_app(auth)
    assert finish(auth, begun, otp=codes[0].upper().replace("-", " ")).status_code == 201
    assert finish(auth, auth.sign_in("susan"), otp=codes[0]).status_code == 401
    assert finish(auth, auth.sign_in("susan"), otp=codes[1]).status_code == 201


def test_new_recovery_codes_void_the_older(auth):
    begun, app, codes = with_app(auth)
    susan = auth.with_token(finish(auth, begun, otp=code(app)).json["token"])
    assert susan.get(FACTOR).json["recovery_codes"] == 10
    fresh = susan.post(f"{FACTOR}/recovery-codes", json=confirmation()).json["recovery_codes"]
    assert finish(auth, auth.sign_in("susan"), otp=codes[0]).status_code == 401
    assert finish(auth, auth.sign_in("susan"), otp=fresh[0]).status_code == 201
    assert susan.get(FACTOR).json["recovery_codes"] == 9


def test_recovery_codes_of_others_are_worth_nothing(auth):
    _, _, codes = with_app(auth, "john")
    begun, _, _ = with_app(auth)
    assert finish(auth, begun, otp=codes[0]).status_code == 401


def test_giving_it_up(auth):
    begun, app, _ = with_app(auth)
    susan = auth.with_token(finish(auth, begun, otp=code(app)).json["token"])
    assert susan.delete(f"{FACTOR}/totp", json={"password": "wrong"}).status_code == 400
    assert susan.delete(f"{FACTOR}/totp", json=confirmation()).status_code == 204
    assert auth.sign_in("susan").status_code == 201
    assert auth.rows("recovery_codes") == []
    assert susan.delete(f"{FACTOR}/totp", json=confirmation()).status_code == 404
    assert susan.post(f"{FACTOR}/recovery-codes", json=confirmation()).status_code == 409


def test_a_second_app_does_not_replace_the_first_unasked(auth):
    begun, app, _ = with_app(auth)
    susan = auth.with_token(finish(auth, begun, otp=code(app)).json["token"])
    assert susan.post(f"{FACTOR}/totp", json=confirmation()).status_code == 409


# API clients ----------------------------------------------------------------------------------------


def test_a_password_alone_gives_no_token_and_says_why(auth):
    _, app, _ = with_app(auth)
    susan = auth.signed_in("susan")
    refused = susan.post(TOKENS)
    assert refused.status_code == 403
    assert refused.json["type"] == "urn:problem-type:second-factor-needed"
    assert "otp" in refused.json["message"]
    assert susan.post(TOKENS, json={"otp": "nonsense"}).status_code == 401
    given = susan.post(TOKENS, json={"otp": code(app)})
    assert given.status_code == 200
    assert auth.with_token(given.json["token"]).get("/api/v1/users/me").status_code == 200


def test_a_password_alone_opens_nothing_else(auth):
    with_app(auth)
    susan = auth.signed_in("susan")
    for method, path in (
        ("GET", "/api/v1/users/"), ("GET", "/api/v1/users/me"), ("GET", "/api/v1/users/me/sessions/"),
        ("PUT", "/api/v1/users/me/password"), ("DELETE", f"{FACTOR}/totp"), ("DELETE", TOKENS),
    ):  # fmt: skip
        answer = susan.open(path, method=method, json=confirmation())
        assert (answer.status_code, answer.json["type"]) == (403, "urn:problem-type:second-factor-needed"), (
            path
        )
        assert "Get a token" in answer.json["message"]


def test_what_a_password_gave_before_is_exchanged_for_no_more(auth):
    auth.person("susan")
    before = auth.by_password("susan").json["token"]
    browser = auth.in_browser("susan")
    app = pyotp.TOTP(browser.post(f"{FACTOR}/totp", json=confirmation()).json["secret"])
    browser.put(f"{FACTOR}/totp", json={"code": code(app)})
    exchanged = auth.exchange(kind="token", token=before).json["token"]
    assert auth.with_token(exchanged).get("/api/v1/users/").status_code == 403


def test_without_a_second_factor_no_code_is_asked_for(auth):
    auth.person("susan")
    susan = auth.signed_in("susan")
    assert susan.post(TOKENS).status_code == 200
    assert susan.post(TOKENS, json={"otp": "123456"}).status_code == 200
    assert susan.get(FACTOR).json == {
        "enabled": False, "required": False, "totp": False, "passkeys": [], "recovery_codes": 0,
    }  # fmt: skip


# Administrators -------------------------------------------------------------------------------------


def test_administrators_can_be_required_to_have_one(auth, settings_of):
    admin = auth.administrator()
    settings_of(admin_second_factor=True)
    browser = auth.in_browser("admin")
    id = browser.get("/api/v1/users/me").json["id"]
    assert browser.get(FACTOR).json["required"] is True
    assert browser.get(f"/api/v1/users/{id}/account").status_code == 403
    app = pyotp.TOTP(browser.post(f"{FACTOR}/totp", json=confirmation("admin")).json["secret"])
    browser.put(f"{FACTOR}/totp", json={"code": code(app, -1)})
    done = finish(auth, auth.sign_in("admin"), otp=code(app)).json["token"]
    assert auth.with_token(done).get(f"/api/v1/users/{id}/account").status_code == 200
    assert admin.get("/api/v1/users/me").status_code == 200


def test_who_has_lost_everything_is_helped_by_an_administrator(auth):
    begun, app, _ = with_app(auth)
    susan = auth.with_token(finish(auth, begun, otp=code(app)).json["token"])
    id = susan.get("/api/v1/users/me").json["id"]
    path = f"/api/v1/users/{id}/second-factor"
    assert susan.delete(path).status_code == 403
    assert auth.administrator().delete(path).status_code == 204
    assert auth.sign_in("susan").status_code == 201


def test_and_by_an_operator(auth):
    with_app(auth)
    assert auth.flask("users", "drop-second-factor", email_of("susan")).exit_code == 0
    assert auth.sign_in("susan").status_code == 201
    assert auth.flask("users", "drop-second-factor", "nobody@example.com").exit_code == 1


# Passkeys -------------------------------------------------------------------------------------------


def test_digits_of_other_alphabets_are_no_code(auth):
    auth.person("susan")
    browser = auth.in_browser("susan")
    browser.post(f"{FACTOR}/totp", json=confirmation())
    assert browser.put(f"{FACTOR}/totp", json={"code": "१२३४५६"}).status_code == 400


def test_mistyped_passwords_take_no_code_from_the_owner_on_a_known_browser(auth):
    _, _, codes = with_app(auth)
    known = finish(auth, auth.in_step("susan"), otp=codes[0]).json["device"]
    for _ in range(5):
        assert auth.sign_in("susan", password="mistyped", device=known).status_code == 401
    begun = auth.sign_in("susan", device=known)
    assert finish(auth, begun, otp=codes[1], device=known).status_code == 201
