"""What a service is told to do, it does, or it does not start."""

from pathlib import Path

import pytest
from shop.app import MADE, BoxState, boxes_now, consumers

from chassis.backup import Restoring
from chassis.service import create_service
from chassis.settings import Settings
from chassis.worker import Job


def create(**given):
    settings = Settings(environment="testing", internal_secret="a-secret-for-tests-only")
    return create_service("plain", settings, home=Path(__file__).parent, version="1", apis=[], **given)


@pytest.mark.parametrize(
    "given",
    [
        {"consumers": consumers},
        {"publishes": {MADE: BoxState}, "unheard": [MADE]},
        {"snapshots": {MADE: boxes_now}},
        {"seeds": [print]},
        {"jobs": iter([Job("tidy", print, 60)])},
        {"restoring": Restoring(owns=[])},
        {"keeps": [None]},
    ],
)
def test_what_needs_a_database_is_refused_without_one(given):
    with pytest.raises(RuntimeError, match=f"plain: .* without db does nothing with {', '.join(given)}$"):
        create(**given)


def test_a_service_without_a_database_starts():
    assert create().test_client().get("/livez").status_code == 200
