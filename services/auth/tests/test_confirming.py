"""Confirming an address: links that are good once, for one account and one purpose."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from .states import email_of, errors, password_of


def test_confirming_unlocks_at_once(auth):
    id = auth.newcomer("susan")
    before = auth.signed_in("susan")
    refused = before.get("/api/v1/users/")
    answer = auth.confirm(email_of("susan"))
    after = auth.exchange(kind="token", token=before.authorization.removeprefix("Bearer ")).json["token"]
    assert (refused.status_code, refused.json["message"]) == (403, "Unconfirmed account")
    assert (answer.status_code, answer.json["id"]) == (200, id)
    assert answer.headers["Identity-Changed"] == str(id)
    assert auth.with_token(after).get("/api/v1/users/").status_code == 200


def test_a_link_is_good_once(auth):
    auth.newcomer("susan")
    token = auth.link(email_of("susan"))
    first, second = (auth.anonymous().post("/api/v1/users/confirm", json={"token": token}) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 400)
    assert errors(second) == {"token": "This link is invalid or has expired. Ask for a new one."}


def test_of_many_who_use_a_link_at_once_one_does(auth):
    auth.newcomer("susan")
    token = auth.link(email_of("susan"))
    auth.rows("users")
    with ThreadPoolExecutor(4) as pool:
        use = lambda _: auth.anonymous().post("/api/v1/users/confirm", json={"token": token})  # noqa: E731
        statuses = sorted(answer.status_code for answer in pool.map(use, range(4)))
    assert statuses == [200, 400, 400, 400]


@pytest.mark.parametrize("token", ["", "x", "x" * 257, None, 5, "\x00"])
def test_bad_links(auth, token):
    answer = auth.anonymous().post("/api/v1/users/confirm", json={"token": token})
    assert (answer.status_code, list(errors(answer))) == (400, ["token"])


def test_links_end_after_an_hour(auth):
    auth.newcomer("susan")
    token = auth.link(email_of("susan"))
    auth.change("UPDATE mail_tokens SET expires_at = :at", at="2020-01-01 00:00:00+00:00")
    assert auth.anonymous().post("/api/v1/users/confirm", json={"token": token}).status_code == 400
    assert not auth.rows("users")[0]["confirmed"]


def test_links_are_for_one_purpose(auth):
    auth.newcomer("susan")
    token = auth.link(email_of("susan"))
    sent = {"token": token, "password": "another password"}
    assert auth.anonymous().post("/api/v1/users/reset", json=sent).status_code == 400
    assert auth.anonymous().post("/api/v1/users/change-email", json=sent).status_code == 400


def test_a_new_link_voids_the_older(auth):
    auth.newcomer("susan")
    old = auth.link(email_of("susan"))
    assert auth.signed_in("susan").post("/api/v1/users/me/confirmation").status_code == 202
    assert auth.anonymous().post("/api/v1/users/confirm", json={"token": old}).status_code == 400
    assert auth.confirm(email_of("susan")).status_code == 200


def test_a_link_to_a_former_address_confirms_nothing(auth):
    administrator = auth.administrator()
    id = auth.newcomer("susan")
    token = auth.link(email_of("susan"))
    auth.change("UPDATE users SET email = 'new@example.com' WHERE id = :id", id=id)
    assert auth.anonymous().post("/api/v1/users/confirm", json={"token": token}).status_code == 400
    assert administrator.get(f"/api/v1/users/{id}/account").json["confirmed"] is False


@pytest.mark.parametrize("written", ["admin@example.com", " Admin@Example.COM"])
def test_whoever_confirms_the_administrators_address_is_the_administrator(auth, settings_of, written):
    settings_of(admin=written)
    auth.newcomer("admin")
    before = auth.signed_in("admin").get("/api/v1/users/me").json["role"]
    auth.confirm("admin@example.com")
    after = auth.signed_in("admin").get("/api/v1/users/me").json["role"]
    assert (before["name"], after["name"]) == ("User", "Administrator")
    assert auth.exchange(kind="password", email="admin@example.com", password=password_of("admin")).json


def test_whoever_is_signed_in_confirms_only_their_own_account(auth):
    auth.newcomer("ann"), auth.newcomer("ben")
    link = auth.link(email_of("ann"))
    refused = auth.signed_in("ben").post("/api/v1/users/confirm", json={"token": link})
    assert (refused.status_code, refused.json["message"]) == (
        400,
        "This link is invalid or has expired. Ask for a new one.",
    )
    assert auth.signed_in("ann").post("/api/v1/users/confirm", json={"token": link}).status_code == 200
