"""Removing an account: closed at once, erased everywhere, and a receipt."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from auth.commands.mails import WAITS

from .leaving import LONG_AGO, ME, finish, has_forgotten, others_have_forgotten, receipts, remove_me, traces
from .states import email_of, password_of


@pytest.fixture
def susan(auth):
    """Somebody who has said much of themselves, and done what leaves traces."""
    id = auth.person("susan")
    browser, tokens = auth.sign_in("susan").json["session"], auth.tokens("susan")
    auth.signed_in("susan").patch(ME, json={"name": "Susan Sand", "location": "Sandby", "about_me": "Sandy"})
    wish = {"email": "sand@example.org", "password": password_of("susan")}
    auth.signed_in("susan").post(f"{ME}/email", json=wish)
    auth.by_password("susan", "a wrong one")
    auth.deliver()
    auth.outbox()
    return {"id": id, "browser": browser, "tokens": tokens}


def test_the_account_ends_at_once_and_the_answer_says_what_happens(auth, susan):
    answer = remove_me(auth)
    id, tokens = susan["id"], susan["tokens"]
    assert (answer.status_code, answer.json["state"]) == (202, "removing")
    assert "cannot be undone" in answer.json["message"]
    assert answer.headers["Identity-Changed"] == str(id)
    assert auth.by_password("susan").status_code == 401
    assert auth.exchange(kind="session", session=susan["browser"]).status_code == 401
    assert auth.exchange(kind="token", token=tokens["token"]).status_code == 401
    shown = {"refresh_token": tokens["refresh_token"]}
    refreshed = auth.anonymous().post("/api/v1/tokens/refresh", json=shown)
    assert refreshed.status_code == 401
    assert auth.with_token(tokens["token"]).get(ME).status_code == 401
    assert auth.rows("mail_tokens") == []
    told = {item["sub"]: item["ver"] for item in auth.internal().get("/internal/changes").json["changes"]}
    assert told[str(id)] == auth.rows("users")[0]["ver"]
    [event] = auth.outbox()
    assert (event.type, event.subject, event.data) == ("auth.user_removed.v1", str(id), {"id": id})


def test_nobody_sees_a_removed_account_any_more(auth, susan):
    administrator = auth.administrator()
    remove_me(auth)
    path = f"/api/v1/users/{susan['id']}"
    for suffix in ("", "/profile", "/account"):
        assert administrator.get(path + suffix).status_code == 404
    assert administrator.patch(path, json={"disabled": False}).status_code == 404
    assert administrator.delete(path).status_code == 404
    assert administrator.get("/api/v1/users/?username=susan").json["count"] == 0
    listed = administrator.get("/api/v1/users/").json
    assert ([user["username"] for user in listed["users"]], listed["count"]) == (["admin"], 1)


@pytest.mark.parametrize("sent", [{"password": "wrong"}, {}, {"password": ""}])
def test_it_asks_for_the_password(auth, susan, sent):
    answer = auth.signed_in("susan").delete(ME, json=sent)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (400, "password")
    assert auth.by_password("susan").status_code == 200
    assert auth.rows("removals") == []


def test_a_mail_that_was_only_asked_for_goes_at_once(auth, susan):
    auth.anonymous().post("/api/v1/users/reset", json={"email": email_of("susan")})
    assert len(auth.rows("mails", "state = 'asked'")) == 1
    remove_me(auth)
    assert auth.rows("mails", "state = 'asked'") == []


def test_whoever_is_not_confirmed_may_go_too(auth):
    auth.newcomer("susan")
    assert remove_me(auth).status_code == 202


def test_a_registration_sent_again_does_not_show_who_has_gone(auth):
    sent = {"email": email_of("zoe"), "username": "zoe", "password": password_of("zoe")}
    register = lambda: auth.anonymous().post("/api/v1/users/", json=sent, headers={"Idempotency-Key": "z"})  # noqa: E731
    assert register().status_code == 201
    assert remove_me(auth, "zoe").status_code == 202
    again = register()
    assert (again.status_code, "zoe" in again.text) == (410, False)


def test_the_last_administrator_stays(auth):
    administrator = auth.administrator()
    refused = remove_me(auth, "admin")
    assert (refused.status_code, refused.json["message"]) == (
        409,
        "This is the last administrator. Make somebody else an administrator first.",
    )
    other = auth.person("susan")
    administrator.patch(f"/api/v1/users/{other}", json={"role": "Administrator"})
    assert auth.signed_in("susan").delete("/api/v1/users/1").status_code == 202
    assert remove_me(auth).status_code == 409


def test_administrators_remove_others_and_themselves_only_with_their_password(auth, susan):
    administrator = auth.administrator()
    own = administrator.get(ME).json["id"]
    refused = administrator.delete(f"/api/v1/users/{own}")
    assert (refused.status_code, refused.json["message"]) == (
        403,
        "Your own account is removed at /users/me, with your password.",
    )
    assert auth.signed_in("susan").delete(f"/api/v1/users/{own}").status_code == 403
    assert administrator.delete(f"/api/v1/users/{susan['id']}").status_code == 202
    assert administrator.delete("/api/v1/users/99").status_code == 404
    assert {row["requested_by"] for row in auth.rows("removals")} == {own}


def test_two_administrators_who_remove_each_other_at_once_leave_one(auth):
    administrator, other = auth.administrator(), auth.person("susan")
    administrator.patch(f"/api/v1/users/{other}", json={"role": "Administrator"})
    susan, own = auth.signed_in("susan"), administrator.get(ME).json["id"]
    with ThreadPoolExecutor(2) as pool:
        asked = [(administrator, other), (susan, own)]
        statuses = sorted(
            pool.map(lambda pair: pair[0].delete(f"/api/v1/users/{pair[1]}").status_code, asked)
        )
    assert statuses[0] == 202
    assert statuses[1] in (404, 409)
    assert len(auth.rows("users", "removed_at IS NULL")) == 1


def test_twice_at_once_is_one_removal(auth, susan):
    caller = auth.signed_in("susan")
    sent = {"password": password_of("susan")}
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda _: caller.delete(ME, json=sent).status_code, range(4)))
    assert statuses.count(202) == 1
    assert [event.type for event in auth.outbox()] == ["auth.user_removed.v1"]
    assert sorted(row["service"] for row in auth.rows("removals")) == ["auth", "posts", "social"]


def test_when_all_have_forgotten_nothing_is_left_and_a_receipt_is_mailed_once(auth, susan):
    words = ("susan", "Susan Sand", "Sandby", "Sandy", "sand@example.org")
    remove_me(auth)
    assert "susan" in traces(auth, *words)
    for _ in range(3):
        finish(auth, susan["id"])
    [text] = receipts(auth, email_of("susan"))
    assert traces(auth, *words) == []
    assert "Dear susan," in text
    assert "account at http://localhost:8000/ has been removed" in text
    [user] = auth.rows("users")
    assert (user["username_key"], user["email"], user["password_hash"]) == ("#1", "#1", "")
    for table in ("sessions", "refresh_tokens", "mail_tokens", "guesses", "idempotency_keys"):
        assert auth.rows(table, "1 = 1" if table != "guesses" else "key LIKE 'account:%'") == [], table
    assert [(row["to"], row["state"], row["text"]) for row in auth.rows("mails")] == [("", "sent", "")]
    assert all(row["done_at"] for row in auth.rows("removals"))


def test_nothing_is_erased_here_before_the_others_are_done(auth, susan):
    remove_me(auth)
    has_forgotten(auth, "posts", susan["id"])
    auth.outbox()
    auth.job("removals")
    assert auth.rows("users")[0]["email"] == email_of("susan")
    waiting = {row["service"] for row in auth.rows("removals", "done_at IS NULL")}
    assert waiting == {"social", "auth"}


def test_what_is_not_sent_yet_is_waited_for(auth, susan):
    remove_me(auth)
    others_have_forgotten(auth, susan["id"])
    auth.change("UPDATE outbox SET sent_at = NULL")
    auth.job("removals")
    assert auth.rows("users")[0]["username"] == "susan"
    finish(auth, susan["id"])
    assert auth.rows("users")[0]["username"] == ""


def test_who_does_not_answer_is_asked_again(auth, susan):
    remove_me(auth)
    auth.outbox()
    auth.job("removals")
    assert auth.outbox() == []
    auth.change("UPDATE removals SET asked_at = :at", at=LONG_AGO)
    has_forgotten(auth, "social", susan["id"])
    auth.job("removals")
    auth.job("removals")
    [event] = auth.outbox()
    asked = {row["service"]: row["asked"] for row in auth.rows("removals")}
    assert (event.type, event.version) == ("auth.user_removed.v1", auth.rows("users")[0]["version"])
    assert asked == {"posts": 2, "social": 1, "auth": 1}


def test_the_age_of_a_removal_is_a_metric(auth, susan):
    remove_me(auth)
    auth.change("UPDATE removals SET requested_at = :at", at=LONG_AGO)
    text = auth.anonymous().get("/metrics").text
    [age] = [line for line in text.splitlines() if line.startswith("removals_oldest_waiting_age_seconds ")]
    assert float(age.split()[1]) > 1e8
    assert "\nremovals_waiting 1.0\n" in text
    finish(auth, susan["id"])
    assert "\nremovals_waiting 0.0\n" in auth.anonymous().get("/metrics").text


def test_name_and_address_are_free_once_it_is_done_and_the_number_is_not(auth, susan):
    remove_me(auth)
    assert auth.register("susan").status_code == 409
    finish(auth, susan["id"])
    again = auth.register("susan")
    assert (again.status_code, again.json["id"]) == (201, susan["id"] + 1)


@pytest.mark.parametrize("email", ["#1", ""])
def test_nobody_signs_in_as_a_tombstone(auth, susan, email):
    remove_me(auth)
    finish(auth, susan["id"])
    answer = auth.exchange(kind="password", email=email or "x", password="x", address="192.0.2.1")
    assert answer.status_code == 401


def test_late_news_bring_nothing_back(auth, susan):
    remove_me(auth)
    finish(auth, susan["id"])
    before = auth.rows("users")
    auth.internal().post("/internal/seen", json={"seen": {str(susan["id"]): 2e9}})
    others_have_forgotten(auth, susan["id"])
    auth.job("removals")
    assert auth.rows("users") == before
    assert auth.outbox() == []


def test_a_late_text_that_nobody_could_handle_goes_too(auth, susan):
    remove_me(auth)
    finish(auth, susan["id"])
    for about in (susan["id"], 99):
        auth.receive("posts.post_published.v1", 7, 1, {"body": "secret"}, about=about)
    auth.try_again()
    auth.job("removals")
    assert [row["about"] for row in auth.parked()] == [99]


def test_everybody_who_asks_later_hears_of_the_tombstone(auth, susan):
    auth.person("john")
    remove_me(auth)
    finish(auth, susan["id"])
    with auth.app.app_context():
        now = list(auth.app.extensions["snapshots"]["auth.user_changed.v1"]("0", 10))
    assert [(event.type, event.subject) for event in now] == [
        ("auth.user_removed.v1", "1"),
        ("auth.user_changed.v1", "2"),
    ]
    assert "susan" not in json.dumps([event.data for event in now])


def test_a_receipt_that_cannot_be_delivered_leaves_no_address_either(auth, susan, sink, settings_of):
    settings_of(mail_server="127.0.0.1", mail_port=sink.port, mail_use_tls=False)
    sink.answers += ["450 <susan@example.com> is full"] * len(WAITS) + ["550 <susan@example.com> is nobody"]
    remove_me(auth)
    finish(auth, susan["id"])
    for _ in WAITS:
        auth.change("UPDATE mails SET next_try_at = :at", at=LONG_AGO)
        auth.deliver()
    [mail] = auth.rows("mails")
    assert (mail["state"], mail["to"], mail["text"]) == ("failed", "", "")
    assert traces(auth, "susan") == []


def test_a_mail_whose_account_is_removed_while_it_is_sent_is_let_go(auth):
    from auth import commands

    auth.newcomer("susan")
    with auth.app.app_context():
        mail = commands.claim_mail()
        remove_me(auth)
        commands.mail_failed(mail.id, "slow")
        commands.mail_sent(mail.id)
    assert auth.rows("mails") == []
