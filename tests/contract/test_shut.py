"""Every door of every service is shut to whoever shows no good token or the internal credential, and
production starts with no secret that anybody could know.
"""

import re
import time

import pytest

import auth.app
import gateway.settings
import posts.app
import social.app
import web.app
from chassis import openapi
from chassis.testing import service as testing
from services.auth.tests import states

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SERVICES = ("auth", "posts", "social")
OPEN = {  # written down: whoever opens another door changes this list
    "auth": {
        "GET /.well-known/jwks.json",
        "GET /avatar/<hash>.svg",
        "POST /api/v1/users/",
        "POST /api/v1/users/confirm",
        "POST /api/v1/users/reset",
        "POST /api/v1/users/change-email",
        "POST /api/v1/tokens/refresh",
    },
    "posts": set(),
    "social": set(),
}
HEALTH = {"GET /livez", "GET /readyz", "GET /metrics"}
GOOD = "kN3v-7sPq_xT2wLzR9dYb"
SETTINGS = {
    "auth": (auth.app.Settings, ("INTERNAL_SECRET", "SECRET_KEY")),
    "posts": (posts.app.Settings, ("INTERNAL_SECRET",)),
    "social": (social.app.Settings, ("INTERNAL_SECRET",)),
    "web": (web.app.Settings, ("INTERNAL_SECRET", "WEB_SECRET_KEY")),
    "gateway": (gateway.settings.Settings, ("INTERNAL_SECRET",)),
}


def operations(app):
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) & set(METHODS)):
            yield f"{method} {rule.rule}", openapi.access_of(app, rule)


def ask(doors, operation, authorization):
    method, rule = operation.split(" ")
    path = re.sub(r"<[^>]+>", "1", rule)
    headers = {"Authorization": authorization} if authorization is not None else {}
    return doors.app.test_client(use_cookies=False).open(path, method=method, headers=headers, json={})


def strangers(doors):
    """Everything that is not a good credential of anybody."""
    good = doors.signer.token(1, "ann", 31)
    old = doors.signer.token(1, "ann", 31, exp=int(time.time()) - 60)
    head, claims, signature = good.split(".")
    return (
        None,
        "",
        "Bearer",
        "Bearer nonsense",
        f"Bearer {old}",
        f"Bearer {head}.{claims}.{signature[:-4]}AAAA",
        f"Bearer {doors.signer.token(1, 'ann', 31, aud='elsewhere')}",
        f"Bearer {doors.signer.token(1, 'ann', 31, iss='elsewhere')}",
        "Basic YW5uOg==",
        "Internal",
        "Internal ",
        "Internal wrong",
        f"Internal {testing.INTERNAL}x",
        f"internal {testing.INTERNAL[:-1]}",
        f"Bearer {testing.INTERNAL}",
    )


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_open_is_written_down(service, request):
    doors = request.getfixturevalue(service)
    opened = {operation for operation, access in operations(doors.app) if access.who == "public"}
    assert opened - HEALTH == OPEN[service]


@pytest.mark.parametrize("service", SERVICES)
def test_every_other_route_refuses_whoever_is_not_known(service, request):
    doors = request.getfixturevalue(service)
    if service == "auth":
        states.of(doors)
    shut = [operation for operation, access in operations(doors.app) if access.who != "public"]
    assert shut
    for operation in shut:
        for authorization in strangers(doors):
            answer = ask(doors, operation, authorization)
            assert answer.status_code == 401, f"{operation} with {authorization}: {answer.status_code}"


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_internal_refuses_people_even_administrators(service, request):
    doors = request.getfixturevalue(service)
    for operation, access in operations(doors.app):
        if access.who == "internal":
            token = f"Bearer {doors.signer.token(1, 'root', 31)}"
            assert ask(doors, operation, token).status_code == 401, operation


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize(
    "weak", ["", "changeme", "secret", "short-one", "hard to guess string", testing.INTERNAL]
)
def test_production_refuses_a_secret_that_anybody_could_know(name, weak, monkeypatch):
    settings, secrets = SETTINGS[name]
    monkeypatch.setenv("FLASK_CONFIG", "production")
    for wrong in secrets:
        for secret in secrets:
            monkeypatch.setenv(secret, weak if secret == wrong else GOOD)
        with pytest.raises(SystemExit, match=f"{name}: cannot start: .*{wrong} is missing or well known"):
            settings.load(name)


@pytest.mark.parametrize("name", SETTINGS)
def test_secrets_come_from_files(name, monkeypatch, tmp_path):
    settings, secrets = SETTINGS[name]
    monkeypatch.setenv("FLASK_CONFIG", "production")
    (tmp_path / "it").write_text(f"{GOOD}\n")
    for secret in secrets:
        monkeypatch.delenv(secret, raising=False)
        monkeypatch.setenv(f"{secret}_FILE", str(tmp_path / "it"))
    read = settings.load(name)
    assert {getattr(read, secret.lower()).get_secret_value() for secret in secrets} == {GOOD}


def test_every_secret_of_every_service_is_looked_at():
    """A new one that is not of the type whose values production looks at would slip through."""
    for settings, secrets in SETTINGS.values():
        told = {field.upper() for field in settings.model_fields if re.search("secret", field)}
        assert told == set(secrets)
