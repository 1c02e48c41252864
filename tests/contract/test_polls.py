"""What every process asks auth for, once or twice a second for ever, is agreed upon, and fills no log."""

import logging

import jwt
import pytest
import requests

from chassis.settings import Settings
from chassis.testing.service import INTERNAL, served
from chassis.tokens import jwks_reader
from chassis.withdrawn import Withdrawn, changes_reader
from gateway.insider import Insider
from gateway.settings import Settings as GatewaySettings
from services.auth.tests.states import confirmed, password_of


@pytest.fixture
def lines(caplog):
    """What auth's log says of requests."""

    def read():
        return [(one.path, one.status) for one in caplog.records if one.name == "request"]

    with caplog.at_level(logging.INFO, "request"):
        yield read


def test_keys_and_withdrawals_are_asked_for_without_a_word(auth, lines):
    with served(auth) as url:
        told = Settings(jwks_url=f"{url}/.well-known/jwks.json")
        keys, changes = jwks_reader(told.jwks_url), changes_reader(told.changes_url, INTERNAL)
        for _ in range(2):  # the second time it is 304
            assert b"keys" in keys()
            assert changes(0.0).keys() == {"now", "changes", "revoked"}
        assert requests.get(f"{url}/api/v1/roles/", timeout=10).status_code == 401
    assert lines() == [("/api/v1/roles/", 401)]


def by_the_chassis(url):
    return Withdrawn(changes_reader(f"{url}/internal/changes", INTERNAL), grace=0)


def by_the_gateway(url):
    settings = GatewaySettings(auth_url=url, internal_secret=INTERNAL)
    return Withdrawn(Insider(settings).changes, grace=0)


def signed_out(auth, name):
    """A session of somebody that has ended."""
    doors = confirmed(auth, name, password_of(name))
    token = doors.tokens(name)["token"]
    assert doors.with_token(token).delete("/api/v1/tokens/").status_code == 204
    return jwt.decode(token, options={"verify_signature": False})["sid"]


@pytest.mark.parametrize("asker", [by_the_chassis, by_the_gateway])
def test_who_is_far_behind_catches_up_page_by_page(auth, asker, monkeypatch):
    monkeypatch.setattr("chassis.withdrawn.PAGE", 1)
    ended = [signed_out(auth, name) for name in ("ann", "ben", "cleo")]
    with served(auth) as url:
        known = asker(url)
        known.read()
    assert [known.ended(sid) for sid in ended] == [True] * 3
    assert [known.holds(id, 1, "") for id in (1, 2, 3, 4)] == [False] * 3 + [True]


def test_a_refusal_is_told(auth, lines):
    with served(auth) as url:
        wrong = {"Authorization": "Internal wrong"}
        assert requests.get(f"{url}/internal/changes", headers=wrong, timeout=10).status_code == 401
        assert requests.post(f"{url}/.well-known/jwks.json", timeout=10).status_code == 405
    assert lines() == [("/internal/changes", 401), ("/.well-known/…", 405)]
