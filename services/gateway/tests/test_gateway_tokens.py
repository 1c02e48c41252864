"""Tokens that are asked for with a password: auth gives them while it looks at that."""

import pytest

from .ways import WAYS, basic, forwarded

TOKENS = "/api/v1/tokens/"
by_password = WAYS["basic with a password"]


def asked(site, got):
    """What auth got of a request."""
    return [each for each in site.auth.asked if each.header("X-Request-Id") == got.headers["X-Request-Id"]]


def test_who_shows_a_password_gets_tokens_by_one_request_to_auth(site, ann):
    got = site.post(TOKENS, b"", **by_password(ann), **{"User-Agent": "curl/8"})
    assert (got.status, got.json()) == (200, site.auth.tokens(ann))
    assert (got.headers["Content-Type"], got.headers["Cache-Control"]) == ("application/json", "no-store")
    [exchange] = asked(site, got)
    assert exchange.target == "/internal/exchange"
    sent = {"kind": "password", "email": ann.email, "password": ann.password, "address": "127.0.0.1"}
    assert exchange.json() == sent | {"issue": True, "agent": "curl/8"}


def test_each_time_tokens_are_asked_for_others_are_given(site, ann):
    """A password that is known is not tried again: auth is asked for tokens with an identity of hers."""
    site.post(TOKENS, b"", **by_password(ann))
    got = site.post(TOKENS, b"", **by_password(ann))
    [request] = asked(site, got)
    assert (got.json(), request.target, forwarded(request)["sub"]) == ({}, TOKENS, ann.sub)


def test_a_crowd_with_one_password_does_not_share_tokens(site, ann, crowd):
    given = [got.json() for got in crowd(6, lambda: site.post(TOKENS, b"", **by_password(ann)))]
    assert sorted(given, key=len) == [{}] * 5 + [site.auth.tokens(ann)]
    assert site.auth.exchanges[ann.password] == 1


def test_who_waits_for_the_same_password_is_not_given_them(site, ann, path, crowd):
    """Nor is what asks for something else answered with tokens, whoever comes first."""
    reading, asking = (
        lambda: site.get(path, **by_password(ann)),
        lambda: site.post(TOKENS, b"", **by_password(ann)),
    )
    works = iter([reading, asking] * 3)
    given = [got.json() for got in crowd(6, lambda: next(works)())]
    assert len([each for each in given if each == {}]) >= 5
    assert len(site.posts.at(path)) == 3


@pytest.mark.parametrize("body", [b"{}", b'{"otp": "123456"}', b"no JSON"])
def test_what_is_sent_with_it_is_auths_to_read(site, ann, body):
    got = site.post(TOKENS, body, **by_password(ann), **{"Content-Type": "application/json"})
    exchange, request = asked(site, got)
    assert "issue" not in exchange.json()
    assert (request.target, request.body, forwarded(request)["sub"]) == (TOKENS, body, ann.sub)


def test_what_auth_does_not_give_with_the_password_it_is_asked_for(new_site):
    """Be it that it is of an earlier release, or that the account has a second factor."""
    site = new_site()
    site.auth.issues, ann = False, site.auth.person()
    got = site.post(TOKENS, b"", **by_password(ann))
    assert [each.target for each in asked(site, got)] == ["/internal/exchange", TOKENS]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_nothing_else_asks_for_tokens(site, ann, method):
    got = site.ask(method, TOKENS, **by_password(ann))
    exchange, request = asked(site, got)
    assert "issue" not in exchange.json()
    assert (request.method, request.target) == (method, TOKENS)


def test_a_wrong_password_gets_none(site, ann):
    got = site.post(TOKENS, b"", Authorization=basic(ann.email, "wrong"))
    assert (got.status, got.problem["message"]) == (401, "Invalid credentials")
    assert [each.target for each in asked(site, got)] == ["/internal/exchange"]


def test_of_a_program_as_much_is_told_as_is_noted(site, ann):
    got = site.post(TOKENS, b"", **by_password(ann), **{"User-Agent": "Long\t/" + "1" * 900})
    [exchange] = asked(site, got)
    assert exchange.json()["agent"] == "Long/" + "1" * 251
