"""The audit log: what is in it, who sees it, and what is never in it."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from auth.commands import forget_in_log
from chassis import retention
from chassis.bus import Delivery
from chassis.events import Event, iso, new_id, now
from chassis.inbox import receive

from .states import email_of, password_of
from .test_factors import code, finish, with_app
from .test_passkeys import with_passkey

OWN, ALL = "/api/v1/users/me/log/", "/api/v1/log/"
ADDRESS = {"X-Forwarded-For": "192.0.2.9", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}


def kinds(answer):
    return [entry["kind"] for entry in answer.json["entries"]]


def test_an_account_tells_its_owner_what_was_done(auth):
    auth.person("susan")
    susan = auth.in_browser("susan")
    sent = {"old_password": "wrong", "password": "another good one"}
    susan.put("/api/v1/users/me/password", json=sent)
    susan.put(
        "/api/v1/users/me/password", json=sent | {"old_password": password_of("susan")}, headers=ADDRESS
    )
    shown = auth.sign_in("susan", password="another good one").json["token"]
    told = auth.with_token(shown).get(OWN)
    assert kinds(told) == [
        "signed-in", "password-changed", "sign-in-failed", "signed-in", "confirmed", "registered",
    ]  # fmt: skip
    changed = told.json["entries"][1]
    assert (changed["address"], changed["agent"]) == ("192.0.2.9", "Firefox on Linux")
    assert (changed["user"]["username"], changed["by"]) == ("susan", None)
    assert told.json["next"] is None


def test_failed_sign_ins_are_told_to_the_owner_with_their_origin(auth):
    auth.person("susan")
    auth.sign_in("susan", password="wrong", address="198.51.100.7", agent="curl/8")
    [failed] = auth.in_browser("susan").get(f"{OWN}?kind=sign-in-failed").json["entries"]
    assert (failed["address"], failed["agent"], failed["detail"]) == ("198.51.100.7", "curl/8", {})


def test_unknown_accounts_are_logged_too_but_not_what_was_typed(auth):
    auth.by_password("nobody", "secret words")
    [entry] = auth.rows("audit")
    assert (entry["kind"], entry["user_id"], entry["address"]) == ("sign-in-failed", None, "192.0.2.1")
    assert "nobody" not in str(entry)


def test_a_password_in_each_request_is_told_once_an_hour_and_address(auth):
    auth.newcomer("susan")
    with ThreadPoolExecutor(2) as both:  # neither may see that the other has not yet told it
        answers = list(both.map(lambda _: auth.by_password("susan"), range(2)))
    answers += [auth.by_password("susan"), auth.by_password("susan", address="198.51.100.7")]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [row["kind"] for row in auth.rows("audit")].count("password-used") == 2


def test_what_administrators_do_is_told_to_both_but_not_from_where(auth):
    id = auth.person("susan")
    admin = auth.administrator()
    admin.patch(f"/api/v1/users/{id}", json={"role": "Moderator", "location": "here"}, headers=ADDRESS)
    edited, changed = auth.in_browser("susan").get(OWN).json["entries"][1:3]
    assert (changed["kind"], changed["detail"]) == ("role-changed", {"was": "User", "role": "Moderator"})
    assert (changed["by"]["username"], changed["address"], changed["agent"]) == ("admin", "", "")
    assert (edited["kind"], edited["detail"]) == ("account-edited", {"fields": ["location"]})
    [theirs] = admin.get(f"{OWN}?kind=role-changed&before=1000000").json["entries"][:1]
    assert (theirs["user"]["username"], theirs["address"]) == ("susan", "192.0.2.9")


def test_administrators_see_all_by_person_and_by_kind(auth):
    susan, john = auth.person("susan"), auth.person("john")
    admin = auth.administrator()
    whole = admin.get(ALL)
    assert {entry["user"]["id"] for entry in whole.json["entries"]} >= {susan, john}
    of_john = admin.get(f"{ALL}?user={john}").json["entries"]
    assert {entry["user"]["username"] for entry in of_john} == {"john"}
    assert set(kinds(admin.get(f"{ALL}?kind=registered"))) == {"registered"}
    assert admin.get(f"{ALL}?kind=nothing").json["entries"] == []
    assert auth.in_browser("susan").get(ALL).status_code == 403
    assert auth.anonymous().get(ALL).status_code == 401


def test_nobody_sees_the_log_of_another(auth):
    auth.person("john")
    auth.person("susan")
    told = auth.in_browser("susan").get(f"{OWN}?user=1").json["entries"]
    assert {entry["user"]["username"] for entry in told} == {"susan"}


def test_pages_go_back_from_the_last_entry(auth, settings_of):
    settings_of(log_page=2)
    auth.person("susan")
    susan = auth.in_browser("susan")
    first = susan.get(OWN)
    assert kinds(first) == ["signed-in", "confirmed"]
    second = susan.get(first.json["next"].partition("localhost:8000")[2])
    assert (kinds(second), second.json["next"]) == (["registered"], None)
    for wrong in ("before=0", "before=x", "before=99999999999999999999", f"kind={'x' * 33}"):
        assert susan.get(f"{OWN}?{wrong}").status_code == 400


@pytest.mark.parametrize("number", ["1_0", "%2B5", "%205", "5%0A", "05", "5.0", "٥", "５", "5e0", ""])
def test_only_what_json_calls_a_whole_number_is_one(auth, number):
    auth.person("susan")
    refused = auth.in_browser("susan").get(f"{OWN}?before={number}")
    assert (refused.status_code, refused.json["message"]) == (400, "before must be a whole number")


def test_a_number_without_end_is_too_large_and_nothing_else(auth):
    auth.person("susan")
    refused = auth.in_browser("susan").get(f"{OWN}?before={'9' * 5000}")
    assert (refused.status_code, "less than or equal" in refused.json["message"]) == (400, True)


def test_no_secret_is_ever_in_it(auth):
    begun, app, codes = with_app(auth)
    shown = code(app)
    susan = auth.with_token(finish(auth, begun, otp=shown).json["token"])
    issued = auth.signed_in("susan").post("/api/v1/tokens/", json={"otp": codes[0]}).json
    auth.sign_in("susan", password="a wrong password")
    susan.post("/api/v1/users/me/email", json={"email": "new@example.com", "password": password_of("susan")})
    log = json.dumps(auth.rows("audit"), default=str)
    secrets = (password_of("susan"), shown, codes[0], issued["token"], issued["refresh_token"], app.secret)
    assert not [
        one for one in (*secrets, "a wrong password", email_of("susan"), "new@example.com") if one in log
    ]
    assert {"recovery-code-used", "authenticator-on", "tokens-issued", "email-change-asked"} <= {
        row["kind"] for row in auth.rows("audit")
    }


def test_a_refresh_token_that_comes_twice_is_in_the_log(auth):
    auth.person("susan")
    held = auth.tokens("susan")["refresh_token"]
    for _ in range(2):
        auth.anonymous().post("/api/v1/tokens/refresh", json={"refresh_token": held})
        auth.change("UPDATE refresh_tokens SET used_at = :at", at="2020-01-01 00:00:00+00:00")
    assert auth.anonymous().post("/api/v1/tokens/refresh", json={"refresh_token": held}).status_code == 401
    assert "token-reused" in {row["kind"] for row in auth.rows("audit")}


def test_old_entries_are_forgotten(auth):
    auth.newcomer("susan")
    auth.change("UPDATE audit SET at = :at", at="2020-01-01 00:00:00+00:00")
    auth.newcomer("john")
    with auth.app.app_context():
        retention.forget_old(auth.app)
    assert len(auth.rows("audit")) == 1


def test_nothing_personal_stays_of_who_was_removed(auth):
    id = auth.person("susan")
    auth.in_browser("susan")
    auth.sign_in("susan", address="192.0.2.44", agent="Susans phone")
    with auth.app.app_context():
        forget_in_log(id)
        auth.app.extensions["sqlalchemy"].session.commit()
    assert {(row["address"], row["agent"], row["detail"]) for row in auth.rows("audit")} == {("", "", "{}")}


def test_moderation_is_told_to_both(auth):
    ben, mod = auth.person("ben"), auth.person("mod")
    told = {"id": 7, "author_id": ben, "moderator_id": mod, "disabled": True}
    again = auth.receive("posts.comment_judged.v1", 7, 2, told)
    auth.receive("posts.comment_judged.v1", 7, 2, told, id=again)
    auth.receive("posts.comment_judged.v1", 7, 3, told | {"disabled": False})
    for name in ("ben", "mod"):
        enabled, disabled = auth.in_browser(name).get(OWN).json["entries"][1:3]
        assert (enabled["kind"], disabled["kind"]) == ("comment-enabled", "comment-disabled")
        assert (disabled["user"]["username"], disabled["by"]["username"]) == ("ben", "mod")
        assert disabled["detail"] == {"comment": 7}


@pytest.mark.parametrize("removed", [False, True])
def test_moderation_that_is_told_again_when_the_inbox_has_forgotten_it_is_noted_once(auth, removed):
    """By a queue or an outbox that was put back to what it had been."""
    ben, mod = auth.person("ben"), auth.person("mod")
    told = {"id": 7, "author_id": ben, "moderator_id": mod, "disabled": True}
    long_ago = iso(now() - timedelta(days=9))
    hidden = Event("posts.comment_judged.v1", "7", 2, told, "/posts", new_id(), long_ago)
    other = replace(hidden, subject="8", data=told | {"id": 8}, id=new_id())
    for event in (hidden, other):
        receive(auth.app, [Delivery(event.type, event.to_json())])
    auth.app.extensions["settings"].keep_handled_days = 0
    retention.forget_old(auth.app)
    if removed:
        with auth.app.app_context():
            forget_in_log(ben)
            auth.app.extensions["sqlalchemy"].session.commit()
    receive(auth.app, [Delivery(hidden.type, hidden.to_json())])
    noted = [str(row["at"])[:10] for row in auth.rows("audit") if row["kind"] == "comment-disabled"]
    assert noted == [long_ago[:10]] * 2


def test_a_passkey_is_told_by_its_number_not_by_what_its_owner_calls_it(auth):
    browser, _, made = with_passkey(auth)
    [entry] = browser.get(f"{OWN}?kind=passkey-added").json["entries"]
    assert entry["detail"] == {"passkey": made.json["id"]}


def test_confirming_again_gives_no_role_and_tells_of_none(auth):
    auth.administrator()
    auth.person("john")
    auth.flask("users", "grant", email_of("john"), "Administrator")
    demoted = auth.signed_in("john").patch("/api/v1/users/1", json={"role": "User"})
    assert demoted.status_code == 200
    assert auth.in_browser("admin").post("/api/v1/users/me/confirmation").status_code == 202
    assert auth.confirm(email_of("admin")).status_code == 200
    assert auth.in_browser("admin").get("/api/v1/users/me").json["role"]["name"] == "User"
    assert len(auth.rows("audit", "kind = 'role-changed' AND user_id = 1")) == 2
