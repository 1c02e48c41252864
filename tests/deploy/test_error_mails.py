"""Errors by mail reach somebody: whatever serves or works is told whom and where, and has a way there."""

import pytest

from .compose import PARTS, SERVING
from .world import world_of


@pytest.mark.parametrize("name", sorted(SERVING))
def test_whatever_serves_or_works_can_mail_its_errors_in_compose(name):
    """It knows whom and where, has the password as a file, and is on the network that leads there."""
    told, mail = PARTS[name]["environment"], {"FLASKY_ADMIN", "MAIL_SERVER", "MAIL_PORT", "MAIL_USERNAME"}
    assert mail <= told.keys()
    assert told["MAIL_PASSWORD_FILE"] == "/run/secrets/mail_password"
    assert "outgoing" in PARTS[name]["networks"]


def test_whatever_serves_or_works_can_mail_its_errors_on_kubernetes():
    """Where there is a mail server; with the password as a file, and the way out in network/graph.yaml."""
    world = world_of("production")
    for pod in world.ours():
        told = world.environment(pod)
        given = {"FLASKY_ADMIN", "MAIL_SERVER", "MAIL_PORT", "MAIL_USERNAME_FILE", "MAIL_PASSWORD_FILE"}
        assert (given <= told.keys()) == (pod.role in ("api", "worker")), pod
        assert not {"MAIL_USERNAME", "MAIL_PASSWORD"} & told.keys()
