"""The secrets that docker-compose.yml mounts: made once, strong, and each for whoever needs it."""

import os
import re
import stat
import subprocess

import pytest
import yaml

from .compose import FILE, ROOT


def make_secrets(folder):
    return subprocess.run(
        [ROOT / "deploy/compose/secrets.sh"],
        env={"SECRETS": str(folder), "PATH": os.environ["PATH"]},
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip


@pytest.fixture
def secrets(tmp_path):
    make_secrets(tmp_path / "secrets")
    return tmp_path / "secrets"


def test_every_secret_that_is_mounted_is_made(secrets):
    assert set(FILE["secrets"]) <= {path.name for path in secrets.iterdir()}


def test_secrets_are_made_once_and_never_overwritten(secrets):
    (secrets / "mail_password").write_text("of our mail server")
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    (secrets / "internal_secret").unlink()
    assert make_secrets(secrets) == f"made {secrets}/internal_secret\n"
    after = {path.name: path.read_bytes() for path in secrets.iterdir()}
    changed = {name for name in before if before[name] != after[name]}
    assert (changed, set(before)) == ({"internal_secret"}, set(after))
    assert make_secrets(secrets) == ""


def test_secrets_are_strong_all_different_and_closed_to_others_of_the_machine(secrets):
    single = [
        path.read_text() for path in secrets.iterdir() if re.fullmatch("[0-9a-f]{64}", path.read_text())
    ]
    assert len(single) == len(set(single)) == 12
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in secrets.iterdir()}
    assert modes.pop("mail_password") == 0o644, "the one that a person writes"
    assert set(modes.values()) == {0o444}


def test_the_addresses_of_databases_and_bus_hold_the_passwords_of_their_own_service(secrets):
    definitions = yaml.safe_load((secrets / "rabbitmq_definitions.json").read_text())
    users = {user["name"]: user["password"] for user in definitions["users"]}
    for name in ("auth", "posts", "social"):
        password = (secrets / f"{name}_database_password").read_text()
        assert (
            secrets / f"{name}_database_url"
        ).read_text() == f"postgresql+psycopg://{name}:{password}@postgres:5432/{name}"
        assert (
            secrets / f"{name}_bus_url"
        ).read_text() == f"amqp://{name}:{users[name]}@rabbitmq:5672/flasky"


def test_each_user_of_rabbitmq_reads_and_declares_its_own_queues_only(secrets):
    definitions = yaml.safe_load((secrets / "rabbitmq_definitions.json").read_text())
    rights = {right["user"]: right for right in definitions["permissions"]}
    assert set(rights) == {"auth", "posts", "social"}
    for name, right in rights.items():
        mine = {"events", name, f"{name}.dead", f"{name}.bindings"}
        others = {f"{other}{kind}" for other in set(rights) - {name} for kind in ("", ".dead", ".bindings")}
        for may in ("configure", "read"):
            assert {queue for queue in mine | others if re.search(right[may], queue)} == mine
        assert re.search(right["write"], "amq.default")


def test_secrets_are_not_for_the_repository_nor_for_an_image():
    ignored = subprocess.run(
        ["git", "check-ignore", "secrets/postgres_password", ".env"], cwd=ROOT, capture_output=True, text=True
    )
    assert ignored.stdout.split() == ["secrets/postgres_password", ".env"]
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
