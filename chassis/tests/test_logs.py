"""What is told of a request, and of which none is."""

import logging

import pytest


@pytest.fixture
def told(shop, caplog):
    """The line of a request, if there is one."""

    def ask(path, method="GET", caller=None):
        caplog.clear()
        with caplog.at_level(logging.INFO, "request"):
            (caller or shop.anonymous()).open(path, method=method)
        return next((vars(record) for record in caplog.records if record.name == "request"), None)

    return ask


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/api/v1/door", "/api/v1/door"),
        ("/internal/snapshots/susan", "/internal/snapshots/<name>"),
        ("/internal/snapshots/sus%61n", "/internal/snapshots/<name>"),
        ("/internal/snapshots/susan/", "/internal/…"),
        ("/internal/snapshots/susan)/x", "/internal/…"),
        ("/internal//snapshots/susan", "/internal/…"),
        ("/Internal/snapshots/susan", "/…"),
        ("/snapshots/susan", "/snapshots/…"),
        ("/snapshots:susan", "/…"),
        ("/0f3a9c51d27be8460f3a9c51d27be846", "/…"),
        ("/wp-login.php", "/wp-login.php"),
        ("/", "/"),
    ],
)
def test_names_and_secrets_are_in_no_path_that_is_logged(told, path, shown):
    assert told(path)["path"] == shown


def test_nor_are_they_where_the_method_is_wrong(told):
    line = told("/internal/snapshots/susan", "DELETE")
    assert (line["status"], line["path"]) == (405, "/internal/…")


def test_numbers_stay(told):
    assert told("/api/v1/boxes/7", "PUT")["path"] == "/api/v1/boxes/7"


def test_health_and_audits_are_not_told_but_their_refusals_are(told, shop):
    assert told("/livez") is told("/internal/snapshots/shop.box_made.v1", caller=shop.internal()) is None
    assert told("/internal/snapshots/shop.box_made.v1")["status"] == 401
