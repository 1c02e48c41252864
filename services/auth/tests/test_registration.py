"""Registering: what is good, what is taken, and the same registration sent again."""

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from .states import errors

URL = "/api/v1/users/"


def test_registering_makes_an_unconfirmed_account_tells_the_others_and_writes_a_mail(auth):
    answer = auth.register("Susan", email="Susan@Example.COM")
    [event] = auth.outbox()
    [account] = auth.rows("users")
    [mail] = auth.rows("mails")
    assert answer.status_code == 201
    assert answer.headers["Location"] == answer.json["url"] == "http://localhost:8000/api/v1/users/1"
    assert "email" not in answer.json
    assert (event.type, event.subject, event.version) == ("auth.user_registered.v1", "1", 1)
    assert event.data == {
        "id": 1,
        "username": "Susan",
        "name": None,
        "avatar_hash": account["avatar_hash"],
        "member_since": answer.json["member_since"],
    }
    assert (account["email"], account["username"]) == ("susan@example.com", "Susan")
    assert not account["confirmed"]
    assert (mail["to"], mail["state"]) == ("susan@example.com", "queued")


def test_the_answer_has_the_members_of_a_user(auth):
    user = auth.register("susan").json
    assert user.pop("member_since") == user.pop("last_seen")
    assert user == {
        "id": 1,
        "url": "http://localhost:8000/api/v1/users/1",
        "username": "susan",
        "avatar_url": "http://localhost:8000/avatar/f3fc30174d7fd74ab6ca3c36d198fcb9.svg",
        "posts_url": "http://localhost:8000/api/v1/users/1/posts/",
        "followed_posts_url": "http://localhost:8000/api/v1/users/1/timeline/",
        "post_count": 0,
    }


def test_ids_are_given_in_the_order_of_registration(auth):
    assert [auth.newcomer(name) for name in ("john", "susan", "david")] == [1, 2, 3]


def test_same_passwords_have_different_hashes_and_are_not_kept(auth):
    auth.register("john", password="the same for both")
    auth.register("susan", password="the same for both")
    john, susan = (row["password_hash"] for row in auth.rows("users"))
    assert john != susan
    assert john.startswith("$argon2id$")
    assert "the same" not in john


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", ""),
        ("username", "1john"),
        ("username", "_john"),
        ("username", "jo hn"),
        ("username", "jöhn"),
        ("username", "john\n"),
        ("username", "j" * 65),
        ("username", None),
        ("username", 7),
        ("email", ""),
        ("email", "john"),
        ("email", "john@"),
        ("email", "jo\x00hn@example.com"),
        ("email", "john@example"),
        ("email", "j" * 250 + "@example.com"),
        ("email", ["john@example.com"]),
        ("password", ""),
        ("password", "short12"),
        ("password", "p" * 257),
        ("password", "with \x00 in it"),
        ("password", "password1"),
        ("password", "PassWord1"),
        ("password", None),
    ],
)
def test_what_is_not_good_is_told_at_its_field_and_changes_nothing(auth, field, value):
    answer = auth.register("john", **{field: value})
    assert answer.status_code == 400
    assert list(errors(answer)) == [field]
    assert errors(answer)[field].startswith(field)
    assert (auth.rows("users"), auth.rows("mails"), auth.outbox()) == ([], [], [])


@pytest.mark.parametrize("password", ["John.Smith", "JSmithson", "jsmithson@example.com"])
def test_the_password_is_not_ones_own_name_or_address(auth, password):
    answer = auth.register("john.smith", email="JSmithson@example.com", password=password)
    assert errors(answer) == {"password": "password must not be your username or e-mail address"}


@pytest.mark.parametrize("username", ["j", "J", "john.smith", "john_smith_", "j" * 64, "J0hn"])
def test_good_usernames(auth, username):
    assert auth.register(username, email="somebody@example.com").json["username"] == username


@pytest.mark.parametrize("password", ["x7 kg!eq", "p" * 255 + "!", "пароль и ключ", "  spaces count  "])
def test_good_passwords_count_whole(auth, password):
    assert auth.register("john", password=password).status_code == 201
    assert auth.by_password("john", password).status_code == 200
    assert auth.by_password("john", password[:-1]).status_code == 401


def test_missing_fields_and_no_json(auth):
    assert set(errors(auth.anonymous().post(URL, json={}))) == {"email", "username", "password"}
    assert auth.anonymous().post(URL, data="{").status_code == 415
    assert auth.anonymous().post(URL, data="{", content_type="application/json").status_code == 400


def test_unknown_members_change_nothing(auth):
    auth.register("john", role="Administrator", confirmed=True, id=77, disabled=True)
    [account] = auth.rows("users")
    assert (account["id"], account["role_id"], bool(account["confirmed"])) == (1, 1, False)


def test_names_and_addresses_are_unique_without_regard_to_case(auth):
    auth.register("john")
    name = auth.register("JOHN", email="other@example.com")
    address = auth.register("other", email="John@example.com")
    both = auth.register("John")
    assert (name.status_code, errors(name)) == (409, {"username": "username is in use already"})
    assert (address.status_code, errors(address)) == (409, {"email": "email is registered already"})
    assert set(errors(both)) == {"email", "username"}
    assert len(auth.rows("users")) == 1


def test_of_many_who_want_one_name_at_once_one_gets_it(auth):
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: auth.register("john", email=f"j{n}@example.com"), range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert all("username" in errors(answer) for answer in answers if answer.status_code == 409)
    assert (len(auth.rows("users")), len(auth.rows("mails")), len(auth.outbox())) == (1, 1, 1)
    assert auth.rows("tallies") == [{"kind": "users", "n": 1}]


def test_what_the_database_alone_notices_is_a_conflict_too(auth, monkeypatch):
    auth.newcomer("john")
    known = iter([{}, {"username": "username is in use already"}, {}, {}])
    monkeypatch.setattr("auth.queries.taken", lambda *_: next(known))
    for expected in ({"username"}, set()):
        answer = auth.register("john", email="new@example.com")
        assert (answer.status_code, {item["field"] for item in answer.json.get("errors", ())}) == (
            409,
            expected,
        )


KEYED = {"Idempotency-Key": "5f0c6b0e-54b5-4a0a-9d59-6a8f7f2f1c11"}
SUSAN = {"email": "susan@example.com", "username": "susan", "password": "the same for both"}


def keyed(auth, **changes):
    return auth.anonymous().post(URL, json=SUSAN | changes, headers=KEYED)


def test_registering_again_with_the_same_key_gives_the_first_answer(auth):
    first, again = keyed(auth), keyed(auth)
    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.data, first.headers["Location"]) == (again.data, again.headers["Location"])
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(auth.rows("users")) == len(auth.rows("mails")) == len(auth.outbox()) == 1


@pytest.mark.parametrize(
    "change",
    [{"password": "guessed by a stranger"}, {"email": "s@example.com"}, {"username": "sus"}],
)
def test_only_who_knows_the_whole_request_gets_its_answer(auth, change):
    keyed(auth)
    refused = keyed(auth, **change)
    assert (refused.status_code, "another request" in refused.json["message"]) == (422, True)
    assert "url" not in refused.json
    assert len(auth.rows("users")) == 1


def test_a_refused_registration_does_not_use_its_key_up(auth):
    auth.register("susan")
    assert keyed(auth).status_code == 409
    assert keyed(auth, username="rosa", email="rosa@example.com").status_code == 201


def test_of_many_registrations_with_one_key_at_once_one_is_done_and_all_get_its_answer(auth):
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: keyed(auth), range(4)))
    assert {answer.status_code for answer in answers} <= {201, 503}
    assert len({answer.json["id"] for answer in answers if answer.status_code == 201}) == 1
    assert len(auth.rows("users")) == 1


def test_what_is_kept_of_a_registration_tells_its_password_to_nobody(auth):
    """Not even as a plain hash, which is tried out in no time."""
    sent = json.dumps(SUSAN).encode()
    auth.anonymous().post(URL, data=sent, content_type="application/json", headers=KEYED)
    [kept] = auth.rows("idempotency_keys")
    assert kept["fingerprint"] != sha256(b"POST /api/v1/users/\n" + sent).hexdigest()
    assert "the same for both" not in str(kept)
