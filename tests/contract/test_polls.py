"""What every process asks auth for, once or twice a second for ever, is agreed upon, and fills no log."""

import logging

import pytest
import requests

from chassis.settings import Settings
from chassis.testing.service import INTERNAL, served
from chassis.tokens import jwks_reader
from chassis.withdrawn import changes_reader


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


def test_a_refusal_is_told(auth, lines):
    with served(auth) as url:
        wrong = {"Authorization": "Internal wrong"}
        assert requests.get(f"{url}/internal/changes", headers=wrong, timeout=10).status_code == 401
        assert requests.post(f"{url}/.well-known/jwks.json", timeout=10).status_code == 405
    assert lines() == [("/internal/changes", 401), ("/.well-known/…", 405)]
