"""Nothing secret and nobody's name is logged, however it was sent."""

import json

import pytest

from .ways import WAYS


def test_no_secret_is_ever_logged(site, ann, path):
    for way in WAYS.values():
        got = site.get(path + "?token=" + ann.token, **way(ann))
        line = json.dumps(site.logged(got.headers["X-Request-Id"]))
        assert not any(secret in line for secret in (ann.token, ann.password, ann.session, ann.email))
    text = "".join(site.lines)
    assert not any(secret in text for secret in (ann.token, ann.password, ann.session, ann.email))


SECRET_PATHS = {
    "/auth/reset/SECRETTOKEN123": "/auth/reset/<token>",
    "/auth/reset/SECRETTOKEN123/": "/auth/…",
    "/auth/reset/SECRETTOKEN123)": "/auth/…",
    "/auth/confirm/SECRET%54OKEN123": "/auth/…",
    "/auth//reset/SECRETTOKEN123": "/auth/…",
    "/auth%2Freset%2FSECRETTOKEN123": "/…",
    "/auth;x/reset/SECRETTOKEN123": "/…",
    "/AUTH/reset/SECRETTOKEN123": "/…",
    "/SECRETTOKEN123": "/…",
    "/user/susan": "/user/<username>",
    "/user/sus%61n": "/user/…",
    "/user/susan/": "/user/…",
    "/avatar/5ca1ab1e": "/avatar/…",
    "/api/v1/users/susan": "/api/…",
    "/wp-login.php": "/wp-login.php",
}


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize(("target", "shown"), SECRET_PATHS.items())
def test_names_and_secrets_are_not_logged_however_their_address_is_spelled(site, target, shown, accept):
    got = site.get(target, Accept=accept)
    line = site.logged(got.headers["X-Request-Id"])
    assert line["path"] == shown
    told = json.dumps(line).lower()
    assert not any(secret in told for secret in ("secret", "susan", "sus%61n", "5ca1ab1e"))
