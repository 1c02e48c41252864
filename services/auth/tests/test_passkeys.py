"""Passkeys as a second factor."""

import pytest

from .authenticator import Authenticator
from .test_factors import FACTOR, PUBLIC, confirmation, finish


def made_passkey(client, key, name="My key", by="susan"):
    begun = client.post(f"{FACTOR}/passkeys/options", json=confirmation(by)).json
    credential = key.create(begun["options"])
    sent = {"pending": begun["pending"], "name": name, "credential": credential}
    return client.post(f"{FACTOR}/passkeys/", json=sent), sent


def with_passkey(auth):
    auth.person("susan")
    browser, key = auth.in_browser("susan"), Authenticator(PUBLIC)
    made, _ = made_passkey(browser, key)
    return browser, key, made


def ways(auth, begun):
    return auth.internal().post("/internal/sessions/ways", json={"pending": begun.json["pending"]}).json


def test_signing_in_with_a_passkey(auth):
    browser, key, made = with_passkey(auth)
    assert (made.status_code, len(made.json["recovery_codes"])) == (201, 10)
    [shown] = browser.get(FACTOR).json["passkeys"]
    assert (shown["name"], shown["last_used"]) == ("My key", None)
    begun = auth.sign_in("susan")
    told = ways(auth, begun)
    assert told["totp"] is False
    assert finish(auth, begun, passkey=key.get(told["passkey"])).status_code == 201
    assert browser.get(FACTOR).json["passkeys"][0]["last_used"]


@pytest.mark.parametrize("wrong", ["challenge", "origin", "signature", "key", "counter", "nonsense"])
def test_a_passkey_that_is_not_right(auth, wrong):
    _, key, _ = with_passkey(auth)
    first = auth.sign_in("susan")
    assert finish(auth, first, passkey=key.get(ways(auth, first)["passkey"])).status_code == 201
    begun = auth.sign_in("susan")
    told = ways(auth, begun)["passkey"]
    shown = {
        "challenge": lambda: key.get(told | {"challenge": "b3RoZXI"}),
        "origin": lambda: key.get(told, origin="https://evil.example"),
        "signature": lambda: key.get(told, forged=True),
        "key": lambda: Authenticator(PUBLIC).get(told),
        "counter": lambda: key.get(told, count=1),
        "nonsense": lambda: {"id": {"deep": []}, "response": 7},
    }[wrong]()
    assert finish(auth, begun, passkey=shown).status_code == 401


def test_a_passkey_of_somebody_else_is_no_second_step(auth):
    with_passkey(auth)
    auth.person("john")
    his = Authenticator(PUBLIC)
    assert made_passkey(auth.in_browser("john"), his, by="john")[0].status_code == 201
    begun = auth.sign_in("susan")
    told = ways(auth, begun)["passkey"]
    assert his.id not in {one["id"] for one in told["allowCredentials"]}
    assert finish(auth, begun, passkey=his.get(told)).status_code == 401
    begun = auth.sign_in("john")
    assert finish(auth, begun, passkey=his.get(ways(auth, begun)["passkey"])).status_code == 201


def test_a_passkey_is_made_for_its_owner_once_and_under_a_fresh_challenge(auth):
    browser, key, _ = with_passkey(auth)
    auth.person("john")
    other = Authenticator(PUBLIC)
    answer, sent = made_passkey(browser, other, "Another")
    assert (answer.status_code, answer.json["recovery_codes"]) == (201, [])
    again = browser.post(f"{FACTOR}/passkeys/", json=sent)
    assert (again.status_code, "password" in again.json["message"]) == (400, True)
    unnamed = browser.post(f"{FACTOR}/passkeys/", json=sent | {"name": ""})
    assert (unnamed.status_code, unnamed.json["message"]) == (400, "name must not be empty")
    begun = browser.post(f"{FACTOR}/passkeys/options", json=confirmation()).json
    assert {one["id"] for one in begun["options"]["excludeCredentials"]} == {key.id, other.id}
    third = {
        "pending": begun["pending"],
        "name": "x",
        "credential": Authenticator(PUBLIC).create(begun["options"]),
    }
    assert auth.in_browser("john").post(f"{FACTOR}/passkeys/", json=third).status_code == 400
    assert browser.post(f"{FACTOR}/passkeys/", json=third | {"credential": {"id": 1}}).status_code == 400


def test_giving_a_passkey_up(auth):
    browser, _, made = with_passkey(auth)
    path = f"{FACTOR}/passkeys/{made.json['id']}"
    auth.person("john")
    john = auth.in_browser("john")
    assert john.delete(path, json=confirmation("john")).status_code == 404
    assert browser.delete(path, json={"password": "wrong"}).status_code == 400
    assert browser.delete(path, json=confirmation()).status_code == 204
    assert auth.sign_in("susan").status_code == 201


def test_a_passkey_is_somebody_s_once(auth):
    browser, key, _ = with_passkey(auth)
    assert made_passkey(browser, key, "Again")[0].status_code == 409
    auth.person("john")
    begun = auth.in_browser("john").post(f"{FACTOR}/passkeys/options", json=confirmation("john")).json
    sent = {"pending": begun["pending"], "name": "Mine", "credential": key.create(begun["options"])}
    assert auth.in_browser("john").post(f"{FACTOR}/passkeys/", json=sent).status_code == 409
