"""What administrators change, and that one is always left."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from .states import email_of, errors, password_of
from .test_tokens import claims


@pytest.mark.parametrize("role", ["Moderator", 2])
def test_a_role_is_given_by_name_or_id_and_holds_at_once(auth, role):
    administrator, id = auth.administrator(), auth.person("susan")
    token = auth.tokens("susan")["token"]
    answer = administrator.patch(f"/api/v1/users/{id}", json={"role": role})
    renewed = claims(auth.exchange(kind="token", token=token).json["token"])
    told = auth.internal().get("/internal/changes").json["changes"]
    assert (answer.status_code, answer.json["role"]["name"]) == (200, "Moderator")
    assert answer.headers["Identity-Changed"] == str(id)
    assert (renewed["perms"], renewed["ver"]) == (15, claims(token)["ver"] + 1)
    assert {item["sub"]: item["ver"] for item in told}[str(id)] == renewed["ver"]


def test_everything_of_an_account_can_be_changed(auth):
    administrator, id = auth.administrator(), auth.newcomer("susan")
    auth.outbox()
    sent = {
        "username": "Susanna",
        "email": "Susanna@Example.com",
        "confirmed": True,
        "name": "Susanna",
        "location": "Oslo",
        "about_me": "x",
    }
    before = auth.rows("users", f"id = {id}")[0]
    answer = administrator.patch(f"/api/v1/users/{id}", json=sent)
    after = auth.rows("users", f"id = {id}")[0]
    [event] = auth.outbox()
    assert {name: answer.json[name] for name in sent} == sent | {"email": "susanna@example.com"}
    assert after["avatar_hash"] != before["avatar_hash"]
    assert (event.version, event.data["username"], event.data["name"]) == (2, "Susanna", "Susanna")
    assert event.data["avatar_hash"] == after["avatar_hash"]
    assert after["ver"] == before["ver"] + 1
    assert auth.rows("mail_tokens", f"user_id = {id}") == []


def test_what_stays_the_same_is_nobodys_news(auth):
    administrator, id = auth.administrator(), auth.person("susan")
    before = auth.rows("users", f"id = {id}")
    auth.outbox()
    sent = {"username": "susan", "email": email_of("susan"), "confirmed": True, "disabled": None, "role": 1}
    assert administrator.patch(f"/api/v1/users/{id}", json=sent).status_code == 200
    assert administrator.patch(f"/api/v1/users/{id}", json={}).status_code == 200
    assert auth.rows("users", f"id = {id}") == before
    assert auth.outbox() == []


ACCOUNT = {"name": "Sue", "location": "Oslo", "about_me": "x", "username": "Sue", "email": "sue@example.com"}
RIGHTS = {"role": "Moderator", "confirmed": False, "disabled": True}


@pytest.mark.parametrize("faster", [{name: value} for name, value in (ACCOUNT | RIGHTS).items()], ids=str)
def test_two_administrators_at_once(auth, faster):
    """Whatever the first has changed: the second is told, and nothing is lost."""
    administrator, id = auth.administrator(), auth.person("susan")
    path = f"/api/v1/users/{id}"
    seen = administrator.get(f"{path}/account").headers["ETag"]
    first = administrator.patch(path, json=faster, headers={"If-Match": seen})
    late = administrator.patch(path, json={"location": "Bonn"}, headers={"If-Match": seen})
    assert (first.status_code, late.status_code) == (200, 409)
    assert "in the meantime" in late.json["message"]
    now = administrator.get(f"{path}/account")
    assert now.headers["ETag"] == first.headers["ETag"] != seen
    assert now.json["location"] == faster.get("location")


def test_what_if_match_may_say(auth):
    administrator, id = auth.administrator(), auth.person("susan")
    path = f"/api/v1/users/{id}"

    def change(seen):
        return administrator.patch(path, json={"location": seen}, headers={"If-Match": seen}).status_code

    def tag():
        return administrator.get(f"{path}/account").headers["ETag"]

    assert [change(f'"what", W/{tag()}'), change("*"), change(tag())] == [200, 200, 200]
    assert [change('"what"'), change("what"), change(f'{tag()[:-2]}"')] == [409, 409, 409]
    assert administrator.patch(path, json={"name": "x"}).status_code == 200, "without it the last one wins"


@pytest.mark.parametrize(("late", "status"), [(False, 202), (True, 409)])
def test_no_administrator_removes_an_account_that_is_not_what_they_have_seen(auth, late, status):
    administrator, id = auth.administrator(), auth.person("susan")
    path = f"/api/v1/users/{id}"
    seen = administrator.get(f"{path}/account").headers["ETag"]
    if late:
        auth.signed_in("susan").patch("/api/v1/users/me", json={"about_me": "That was my brother."})
    assert administrator.delete(path, headers={"If-Match": seen}).status_code == status
    assert administrator.get(f"{path}/account").status_code == (200 if late else 404)
    assert administrator.delete(path).status_code == (202 if late else 404)


@pytest.mark.parametrize("path", ["/api/v1/users/me", "/api/v1/users/{id}"])
def test_the_api_document_tells_what_a_removal_answers(auth, path):
    from chassis.cli import contract

    answer = contract(auth.app)["openapi.json"]["paths"][path]["delete"]["responses"]["202"]
    assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/Removal")


def test_what_administrators_do_not_change_makes_nobody_late(auth):
    administrator, id = auth.administrator(), auth.person("susan")
    path = f"/api/v1/users/{id}"
    seen = administrator.get(f"{path}/account").headers["ETag"]
    auth.change("UPDATE users SET last_seen = '2020-01-01 00:00:00+00:00', post_count = 7")
    auth.tokens("susan")
    assert administrator.patch(path, json={"name": "x"}, headers={"If-Match": seen}).status_code == 200


def test_location_and_about_me_are_in_no_event(auth):
    administrator, id = auth.administrator(), auth.person("susan")
    auth.outbox()
    administrator.patch(f"/api/v1/users/{id}", json={"location": "Oslo", "about_me": "x"})
    assert auth.outbox() == []


def test_a_disabled_account_is_out_at_once_and_stays_out_when_enabled_again(auth):
    administrator, id = auth.administrator(), auth.person("susan")
    token, browser = auth.tokens("susan")["token"], auth.sign_in("susan").json["session"]
    disabled = administrator.patch(f"/api/v1/users/{id}", json={"disabled": True})
    refused = auth.by_password("susan")
    administrator.patch(f"/api/v1/users/{id}", json={"disabled": False})
    assert disabled.json["disabled"] is True
    assert refused.status_code == 401
    assert auth.exchange(kind="token", token=token).status_code == 401
    assert auth.exchange(kind="session", session=browser).status_code == 401
    assert auth.by_password("susan").status_code == 200


def test_an_unconfirmed_person_is_gated_again(auth):
    administrator, id = auth.administrator(), auth.person("susan")
    administrator.patch(f"/api/v1/users/{id}", json={"confirmed": False})
    assert auth.signed_in("susan").get("/api/v1/users/").status_code == 403


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("role", "King"),
        ("role", 77),
        ("role", True),
        ("role", "r" * 65),
        ("role", "\x00"),
        ("role", 2**70),
        ("confirmed", "yes"),
        ("disabled", 1),
        ("username", "9lives"),
        ("email", "nothing"),
        ("name", "n" * 65),
    ],
)
def test_what_is_not_good_is_told_at_its_field(auth, field, value):
    administrator, id = auth.administrator(), auth.person("susan")
    answer = administrator.patch(f"/api/v1/users/{id}", json={field: value})
    assert (answer.status_code, list(errors(answer))) == (400, [field])


def test_taken_names_and_addresses(auth):
    administrator, id = auth.administrator(), auth.person("susan")
    auth.newcomer("john")
    name = administrator.patch(f"/api/v1/users/{id}", json={"username": "JOHN"})
    address = administrator.patch(f"/api/v1/users/{id}", json={"email": email_of("john")})
    own = administrator.patch(f"/api/v1/users/{id}", json={"username": "SUSAN"})
    assert (name.status_code, list(errors(name))) == (409, ["username"])
    assert (address.status_code, list(errors(address))) == (409, ["email"])
    assert (own.status_code, own.json["username"]) == (200, "SUSAN")


def test_only_administrators_and_only_who_exists(auth):
    administrator, id = auth.administrator(), auth.person("susan")
    for caller in (auth.signed_in("susan"), auth.signed_in("susan")):
        assert caller.patch(f"/api/v1/users/{id}", json={"role": "Administrator"}).status_code == 403
    assert auth.anonymous().patch(f"/api/v1/users/{id}", json={}).status_code == 401
    assert administrator.patch("/api/v1/users/77", json={"role": "User"}).status_code == 404


@pytest.mark.parametrize(
    "change", [{"role": "User"}, {"role": "Moderator"}, {"disabled": True}, {"confirmed": False}]
)
def test_the_last_administrator_stays_one(auth, change):
    administrator = auth.administrator()
    auth.outbox()
    answer = administrator.patch("/api/v1/users/1", json=change | {"name": "Gone"})
    assert (answer.status_code, answer.json["message"]) == (
        409,
        "This is the last administrator. Make somebody else an administrator first.",
    )
    account = auth.signed_in("admin").get("/api/v1/users/me").json
    assert (account["role"]["name"], account["disabled"], account["name"]) == ("Administrator", False, None)
    assert auth.outbox() == []


def test_an_administrator_may_go_when_another_is_there(auth):
    administrator, id = auth.administrator(), auth.person("susan")
    administrator.patch(f"/api/v1/users/{id}", json={"role": "Administrator"})
    assert administrator.patch("/api/v1/users/1", json={"role": "User"}).status_code == 200
    assert auth.signed_in("susan").patch(f"/api/v1/users/{id}", json={"disabled": True}).status_code == 409


def test_a_disabled_or_unconfirmed_administrator_does_not_count(auth):
    administrator, id = auth.administrator(), auth.person("susan")
    administrator.patch(f"/api/v1/users/{id}", json={"role": "Administrator", "confirmed": False})
    assert administrator.patch("/api/v1/users/1", json={"role": "User"}).status_code == 409


def test_the_last_two_cannot_demote_each_other_at_once(auth):
    administrator, id = auth.administrator(), auth.person("susan")
    administrator.patch(f"/api/v1/users/{id}", json={"role": "Administrator"})
    callers = [(auth.signed_in("admin"), id), (auth.signed_in("susan"), 1)]
    demote = lambda pair: pair[0].patch(f"/api/v1/users/{pair[1]}", json={"role": "User"}).status_code  # noqa: E731
    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(pool.map(demote, callers))
    assert statuses == [200, 409]
    assert len(auth.rows("users", "role_id = 3")) == 1


def test_operators_grant_roles(auth):
    auth.person("susan")
    good = auth.flask("users", "grant", email_of("susan"), "Administrator")
    nobody = auth.flask("users", "grant", "nobody@example.com", "User")
    nothing = auth.flask("users", "grant", email_of("susan"), "King")
    last = auth.flask("users", "grant", email_of("susan"), "User")
    assert (good.exit_code, good.output) == (0, "susan@example.com is Administrator now\n")
    assert (nobody.exit_code, nothing.exit_code, last.exit_code) == (1, 1, 1)
    assert "There is no account" in nobody.output
    assert "role does not exist" in nothing.output
    assert "last administrator" in last.output
    assert password_of("susan")
