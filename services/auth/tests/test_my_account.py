"""One's own account: profile, password, address, the forgotten password."""

import pytest

from .states import email_of, errors, link_in, password_of

ME = "/api/v1/users/me"
NEW = "another good password"


def test_an_account_is_there_before_it_is_confirmed(auth):
    auth.newcomer("susan")
    shown = auth.signed_in("susan").get(ME).json
    assert (shown["confirmed"], shown["disabled"], shown["email"]) == (False, False, "susan@example.com")
    assert shown["role"] == {"id": 1, "name": "User", "permissions": 7}


def test_a_profile_changes_as_far_as_it_is_given(auth):
    auth.person("susan")
    susan = auth.signed_in("susan")
    auth.outbox()
    susan.patch(ME, json={"name": "Susan", "location": "Oslo"})
    changed = susan.patch(ME, json={"location": None, "about_me": "x"}).json
    emptied = susan.patch(ME, json={"about_me": " \n "}).json
    [event] = auth.outbox()
    assert (changed["name"], changed["location"], changed["about_me"]) == ("Susan", None, "x")
    assert emptied["about_me"] is None
    assert (event.type, event.version, event.data["name"]) == ("auth.user_changed.v1", 2, "Susan")


def test_who_edits_what_is_no_longer_so_is_told(auth):
    """An administrator takes out an address; the form that was open meanwhile does not bring it back."""
    administrator, id = auth.administrator(), auth.person("susan")
    susan = auth.signed_in("susan")
    susan.patch(ME, json={"about_me": "12 Main Street"})
    seen = susan.get(ME).headers["ETag"]
    administrator.patch(f"/api/v1/users/{id}", json={"about_me": None})
    late = susan.patch(ME, json={"about_me": "12 Main Street"}, headers={"If-Match": seen})
    assert (late.status_code, "in the meantime" in late.json["message"]) == (409, True)
    assert susan.get(ME).json["about_me"] is None
    now = susan.get(ME).headers["ETag"]
    assert now != seen
    assert now == administrator.get(f"/api/v1/users/{id}/account").headers["ETag"]
    edited = susan.patch(ME, json={"about_me": "x"}, headers={"If-Match": now})
    assert (edited.status_code, edited.headers["ETag"]) == (200, susan.get(ME).headers["ETag"])
    assert susan.patch(ME, json={"about_me": "y"}).status_code == 200, "without it the last one wins"


def test_nobody_removes_their_account_as_it_no_longer_is(auth):
    administrator, id = auth.administrator(), auth.person("susan")
    susan, proof = auth.signed_in("susan"), {"password": password_of("susan")}
    seen = susan.get(ME).headers["ETag"]
    administrator.patch(f"/api/v1/users/{id}", json={"name": "Sue"})
    assert susan.delete(ME, json=proof, headers={"If-Match": seen}).status_code == 409
    now = susan.get(ME).headers["ETag"]
    assert susan.delete(ME, json=proof, headers={"If-Match": now}).status_code == 202


def test_ordinary_people_change_nothing_else(auth):
    auth.person("susan")
    susan = auth.signed_in("susan")
    before = susan.get(ME).json
    sent = {
        "role": "Administrator",
        "username": "root",
        "confirmed": False,
        "email": "x@example.com",
        "id": 9,
    }
    assert susan.patch(ME, json=sent).json == before
    assert susan.patch("/api/v1/users/1", json=sent).status_code == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "n" * 65),
        ("name", "two\nlines"),
        ("location", "l" * 65),
        ("about_me", "é" * 2049),
        ("about_me", "\x00"),
        ("name", 1),
    ],
)
def test_what_is_too_much_is_refused(auth, field, value):
    auth.person("susan")
    answer = auth.signed_in("susan").patch(ME, json={field: value})
    assert (answer.status_code, list(errors(answer))) == (400, [field])


def test_a_profile_is_for_the_confirmed(auth):
    auth.newcomer("susan")
    assert auth.signed_in("susan").patch(ME, json={"name": "S"}).status_code == 403


def test_changing_the_password_signs_out_everywhere_else(auth):
    auth.person("susan")
    here, there = auth.tokens("susan")["token"], auth.tokens("susan")["token"]
    by_password = auth.by_password("susan").json["token"]
    sent = {"old_password": password_of("susan"), "password": NEW}
    answer = auth.with_token(here).put(f"{ME}/password", json=sent)
    assert (answer.status_code, answer.headers["Identity-Changed"]) == (204, "1")
    assert auth.by_password("susan").status_code == 401
    assert auth.by_password("susan", NEW).status_code == 200
    statuses = [auth.exchange(kind="token", token=token).status_code for token in (here, there, by_password)]
    assert statuses == [200, 401, 401]


def test_a_wrong_old_password_changes_nothing(auth):
    auth.newcomer("susan")
    susan = auth.signed_in("susan")
    answer = susan.put(f"{ME}/password", json={"old_password": "wrong", "password": NEW})
    assert (answer.status_code, errors(answer)) == (400, {"old_password": "old_password is not right"})
    assert auth.by_password("susan").status_code == 200


@pytest.mark.parametrize("password", ["short", "password1", "susan.the.second", ""])
def test_a_new_password_must_be_good(auth, password):
    auth.newcomer("susan.the.second")
    susan = auth.signed_in("susan.the.second")
    sent = {"old_password": password_of("susan.the.second"), "password": password}
    answer = susan.put(f"{ME}/password", json=sent)
    assert (answer.status_code, list(errors(answer))) == (400, ["password"])


def test_two_changes_of_a_password_at_once(auth, monkeypatch):
    auth.newcomer("susan")
    susan = auth.signed_in("susan")

    def meanwhile(password):
        auth.change("UPDATE users SET password_hash = 'set by somebody else'")
        return "new hash"

    monkeypatch.setattr("auth.passwords.hashed", meanwhile)
    sent = {"old_password": password_of("susan"), "password": NEW}
    assert susan.put(f"{ME}/password", json=sent).status_code == 409
    assert auth.rows("users")[0]["password_hash"] == "set by somebody else"


def test_an_address_changes_when_its_link_returns(auth):
    id = auth.person("susan")
    susan = auth.signed_in("susan")
    auth.outbox()
    sent = {"email": "New@Example.com", "password": password_of("susan")}
    asked = susan.post(f"{ME}/email", json=sent)
    before = auth.rows("users")[0]
    token = auth.link("new@example.com")
    answer = auth.anonymous().post("/api/v1/users/change-email", json={"token": token})
    after = auth.rows("users")[0]
    [event] = auth.outbox()
    assert (asked.status_code, before["email"]) == (202, "susan@example.com")
    assert (answer.status_code, answer.headers["Identity-Changed"]) == (200, str(id))
    assert after["email"] == "new@example.com"
    assert after["avatar_hash"] != before["avatar_hash"]
    assert (event.type, event.version) == ("auth.user_changed.v1", before["version"] + 1)
    assert event.data["avatar_hash"] == after["avatar_hash"]
    assert "@" not in str(event.data)


def test_a_link_for_another_address_is_its_owner_s_alone(auth):
    auth.person("john")
    auth.person("susan")
    susan, john = auth.signed_in("susan"), auth.signed_in("john")
    susan.post(f"{ME}/email", json={"email": "new@example.com", "password": password_of("susan")})
    sent = {"token": auth.link("new@example.com")}
    assert john.post("/api/v1/users/change-email", json=sent).status_code == 400
    assert susan.get(ME).json["email"] == "susan@example.com"
    assert susan.post("/api/v1/users/change-email", json=sent).status_code == 200
    assert susan.get(ME).json["email"] == "new@example.com"


def test_an_unconfirmed_address_can_be_mended_and_is_confirmed_by_that(auth):
    auth.newcomer("susan")
    susan = auth.signed_in("susan")
    susan.post(f"{ME}/email", json={"email": "right@example.com", "password": password_of("susan")})
    answer = auth.anonymous().post(
        "/api/v1/users/change-email", json={"token": auth.link("right@example.com")}
    )
    assert answer.status_code == 200
    assert auth.rows("users")[0]["confirmed"]


def test_an_address_change_asks_for_the_password(auth):
    auth.newcomer("susan")
    answer = auth.signed_in("susan").post(f"{ME}/email", json={"email": "x@example.com", "password": "wrong"})
    assert (answer.status_code, errors(answer)) == (400, {"password": "password is not right"})
    assert auth.mails("x@example.com") == []


def test_an_address_must_be_free_when_asked_for_and_when_it_returns(auth):
    auth.newcomer("john")
    auth.newcomer("susan")
    susan = auth.signed_in("susan")
    sent = {"password": password_of("susan")}
    taken = susan.post(f"{ME}/email", json=sent | {"email": email_of("john")})
    susan.post(f"{ME}/email", json=sent | {"email": "wanted@example.com"})
    token = auth.link("wanted@example.com")
    auth.register("quicker", email="wanted@example.com")
    late = auth.anonymous().post("/api/v1/users/change-email", json={"token": token})
    assert (taken.status_code, list(errors(taken))) == (409, ["email"])
    assert (late.status_code, list(errors(late))) == (409, ["email"])


def test_asking_for_a_reset_says_nothing_about_who_is_there(auth):
    auth.person("susan")
    auth.newcomer("unconfirmed")
    answers = [
        auth.anonymous().post("/api/v1/users/reset", json={"email": email})
        for email in (" Susan@example.com", "nobody@example.com", "unconfirmed@example.com", "no address")
    ]
    costs = {
        auth.statements(
            lambda email=email: auth.anonymous().post("/api/v1/users/reset", json={"email": email})
        )
        for email in ("susan@example.com", "nobody@example.com")
    }
    assert {(answer.status_code, answer.data) for answer in answers} == {(202, b"")}
    assert len(costs) == 1
    assert "/auth/reset/" in auth.mails("susan@example.com")[-1]
    assert auth.mails("nobody@example.com") == []
    assert len(auth.mails("unconfirmed@example.com")) == 1
    assert auth.rows("mails", "state = 'asked'") == []


def test_a_reset_sets_the_password_and_ends_all_sessions(auth):
    auth.person("susan")
    token, browser = auth.tokens("susan")["token"], auth.sign_in("susan").json["session"]
    auth.anonymous().post("/api/v1/users/reset", json={"email": email_of("susan")})
    sent = {"token": auth.link(email_of("susan")), "password": NEW}
    weak = auth.anonymous().post("/api/v1/users/reset", json=sent | {"password": "susan@example.com"})
    answer = auth.anonymous().post("/api/v1/users/reset", json=sent)
    again = auth.anonymous().post("/api/v1/users/reset", json=sent)
    assert (weak.status_code, list(errors(weak))) == (400, ["password"])
    assert (answer.status_code, answer.headers["Identity-Changed"]) == (200, "1")
    assert again.status_code == 400
    assert auth.by_password("susan", NEW).status_code == 200
    assert auth.exchange(kind="token", token=token).status_code == 401
    assert auth.exchange(kind="session", session=browser).status_code == 401


def test_a_new_reset_link_voids_the_older_and_a_change_of_password_all(auth):
    auth.person("susan")
    links = []
    for _ in range(2):
        auth.anonymous().post("/api/v1/users/reset", json={"email": email_of("susan")})
        links.append(auth.link(email_of("susan")))
    old, new = links
    reset = lambda token: auth.anonymous().post("/api/v1/users/reset", json={"token": token, "password": NEW})  # noqa: E731
    assert reset(old).status_code == 400
    sent = {"old_password": password_of("susan"), "password": "yet another one"}
    auth.signed_in("susan").put(f"{ME}/password", json=sent)
    assert reset(new).status_code == 400


def test_a_reset_names_an_address_or_a_token_with_a_password(auth):
    for sent in ({}, {"token": "x"}, {"password": NEW}):
        assert auth.anonymous().post("/api/v1/users/reset", json=sent).status_code == 400


def test_a_disabled_account_is_not_reset(auth):
    auth.person("susan")
    auth.anonymous().post("/api/v1/users/reset", json={"email": email_of("susan")})
    token = link_in(auth.mails(email_of("susan"))[-1])
    auth.change("UPDATE users SET disabled = true")
    sent = {"token": token, "password": NEW}
    assert auth.anonymous().post("/api/v1/users/reset", json=sent).status_code == 400
