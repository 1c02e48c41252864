"""Guessing at passwords: counted by auth, never more than a few at once, and nothing is learnt by it."""

import threading

import pytest

from .ways import WAYS, basic


def test_the_address_of_a_guess_is_told_to_auth(site, ann, path):
    site.get(path, **WAYS["basic with a password"](ann))
    [sent] = [
        asked.json() for asked in site.auth.at("/internal/exchange") if ann.password.encode() in asked.body
    ]
    assert sent == {"kind": "password", "email": ann.email, "password": ann.password, "address": "127.0.0.1"}


def test_a_wrong_password_stays_wrong_and_is_asked_each_time(site, ann, path):
    for _ in range(2):
        assert site.get(path, Authorization=basic(ann.email, "wrong-" + ann.sub)).status == 401
    assert site.auth.exchanges["wrong-" + ann.sub] == 2


def test_too_many_guesses_are_told_as_auth_tells_them(site, ann, path, said):
    site.auth.before_exchange = lambda sent: (
        said(429, b"{}", "Retry-After: 60") if sent.get("email") == ann.email else None
    )
    got = site.get(path, **WAYS["basic with a password"](ann))
    assert (got.status, got.headers["Retry-After"], got.problem["error"]) == (429, "60", "too many requests")


def refusing(site, person, said, **by):
    """Auth has had enough of guesses at this account, from one address if that is given."""
    site.auth.before_exchange = lambda sent: (
        said(429, b"{}", "Retry-After: 60")
        if sent.get("email") == person.email and by.items() <= sent.items()
        else None
    )


def test_a_guess_learns_nothing_from_what_the_owner_has_just_shown(new_site, path, said):
    """While too many wrong ones are refused the right one must look the same, but for the owner."""
    site = new_site(trusted_hops="1")
    ann = site.auth.person()
    here, there = ({"X-Forwarded-For": address} for address in ("192.0.2.1", "198.51.100.2"))
    right = WAYS["basic with a password"](ann)
    assert site.get(path, **right, **here).status == 200
    refusing(site, ann, said, address="198.51.100.2")
    wrong = {"Authorization": basic(ann.email, "wrong")}
    assert [site.get(path, **each, **there).status for each in (wrong, right)] == [429, 429]
    assert site.get(path, **right, **here).status == 200


def test_whoever_guesses_at_the_owners_own_address_learns_nothing_either(site, ann, path, said):
    right = WAYS["basic with a password"](ann)
    assert site.get(path, **right).status == 200
    refusing(site, ann, said)
    assert site.get(path, Authorization=basic(ann.email, "wrong")).status == 429
    assert site.get(path, **right).status == 429


def test_nor_does_whoever_guesses_more_than_one_may_sign_in(new_site, path):
    site = new_site(limit_sign_in="2/hour")
    ann = site.auth.person()
    right, wrong = WAYS["basic with a password"](ann), {"Authorization": basic(ann.email, "wrong")}
    found = [site.get(path, **each).status for each in (right, right, wrong, wrong, right)]
    assert found == [200, 200, 401, 429, 429]


def test_nor_does_whoever_guesses_while_nobody_looks(new_site, path):
    site = new_site()
    ann = site.auth.person()
    right, wrong = WAYS["basic with a password"](ann), {"Authorization": basic(ann.email, "wrong")}
    assert site.get(path, **right).status == 200
    site.auth.stop()
    assert [site.get(path, **each).status for each in (right, wrong, right)] == [200, 503, 503]


def test_only_so_many_passwords_are_tried_at_once(new_site, path):
    site = new_site(password_exchanges="1")
    ann, ben = site.auth.person(), site.auth.person()
    asked, go_on = threading.Event(), threading.Event()

    def slowly(sent):
        asked.set()
        go_on.wait(5)

    site.auth.before_exchange = slowly
    first = threading.Thread(target=site.get, args=(path,), kwargs=WAYS["basic with a password"](ann))
    first.start()
    asked.wait(5)
    got = site.get(path, **WAYS["basic with a password"](ben))
    assert (got.status, got.headers["Retry-After"]) == (503, "1")
    go_on.set()
    first.join()
    assert site.get(path, **WAYS["basic with a password"](ben)).status == 200


def test_passwords_that_are_wrong_keep_nobody_else_from_trying(new_site, path):
    site = new_site(password_exchanges="1")
    ann = site.auth.person()
    for _ in range(2):
        assert site.get(path, Authorization=basic(ann.email, "wrong")).status == 401
    assert site.get(path, **WAYS["basic with a password"](ann)).status == 200


@pytest.mark.parametrize(("way", "times"), [("basic with a password", 1), ("cookie", 2)])
def test_a_guess_is_never_tried_twice(new_site, path, way, times):
    """Auth may have counted it although its answer was lost."""
    site = new_site()
    ann = site.auth.person()
    site.auth.script["/internal/exchange"] = lambda asked, connection: None
    assert site.get(path, **WAYS[way](ann)).status == 503
    assert len(site.auth.at("/internal/exchange")) == times
