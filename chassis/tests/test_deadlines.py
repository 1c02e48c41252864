"""Requests that nobody waits for any more."""

import time

import pytest

from chassis import deadlines


@pytest.fixture
def waited():
    """Makes the requests of this thread have waited for it."""

    def wait(seconds):
        deadlines.line.joined = time.monotonic() - seconds

    yield wait
    del deadlines.line.joined


@pytest.mark.parametrize(
    ("left", "status"), [("60000", 200), ("0", 503), ("soon", 200), ("", 200), ("9" * 5000, 200)]
)
def test_what_is_too_late_is_not_worked_on(shop, left, status):
    answer = shop.as_("ann").get("/api/v1/boxes/", headers={"X-Deadline-Ms": left})
    assert answer.status_code == status
    assert (answer.headers.get("Retry-After") == "2") is (status == 503)


def test_waiting_for_a_thread_counts(shop, waited):
    asked = {"X-Deadline-Ms": "30000"}
    waited(20)
    assert shop.as_("ann").get("/api/v1/boxes/", headers=asked).status_code == 200
    waited(40)
    assert shop.as_("ann").get("/api/v1/boxes/", headers=asked).status_code == 503
