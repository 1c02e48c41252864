"""What a process in production says when it is told something wrong: one clear line, and the right exit."""

import json
import os
import signal
from pathlib import Path

import pytest

from chassis.testing.parts import free_port
from chassis.testing.polling import eventually

from .starting import (
    AUTH,
    COMMANDS,
    EXITS,
    OTHERS,
    PREPARE_AUTH,
    SECRET,
    SERVE,
    answering,
    answers,
    each,
    health,
    last_words,
)

ROOT = Path(__file__).parents[2]


@each
@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"INTERNAL_SECRET": ""},
            "INTERNAL_SECRET is missing or well known; production needs a secret of its own",
        ),
        ({"INTERNAL_SECRET_FILE": "/nowhere/secret"}, "No such file or directory: '/nowhere/secret'"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is missing"),
        ({"DATABASE_URL": "mysql://ann:hunter2@db/posts"}, "DATABASE_URL: must be postgresql"),
        ({"BUS_URL": "kafka://ann:hunter2@bus"}, "BUS_URL: must be amqp://"),
        ({"BUS_URL": "amqp://ann:hunter2/9bTz@bus:5672/flasky"}, "BUS_URL: must be amqp://"),
        ({"BUS_URL": "amqp://hunter2@bus/flasky"}, "BUS_URL: must be amqp://"),
        ({"BUS_URL": "amqp://ann:hunter2@bus/flasky?heartbeat=hunter2"}, "BUS_URL must be amqp://"),
        ({"FAILPOINTS": "relay.sent=die"}, "FAILPOINTS is set; it is for tests"),
        ({"LOG_LEVEL": "verbose"}, "LOG_LEVEL: must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ({"RETRY_WAITS": "soon"}, "RETRY_WAITS.0: Input should be a valid number"),
        ({"RETRY_WAITS": "[1, -1]"}, "RETRY_WAITS.1: Input should be greater than or equal to 0"),
        ({"JWKS_REFRESH": "0"}, "JWKS_REFRESH must be over 0"),
        ({"JWKS_REFRESH": "nan"}, "JWKS_REFRESH: Input should be a finite number"),
        ({"AWAIT_EVENTS_LIMIT": "inf"}, "AWAIT_EVENTS_LIMIT: Input should be a finite number"),
        ({"KEEP_SENT_DAYS": "1e12"}, "KEEP_SENT_DAYS: Input should be less than or equal to 36500"),
        ({"DATABASE_READER": "http://standby"}, "DATABASE_READER: must be host:port"),
        ({"DATABASE_POOLER": "pooler:6432"}, "DATABASE_POOLER and DATABASE_READER want a DATABASE_URL of"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_can_never_work_is_told_in_one_line(started, good, command, wrong, told):
    lines, code = last_words(started(command, good | wrong))
    assert code == EXITS.get(command, 1)
    assert len(lines) == 1
    assert told in lines[0]
    assert "hunter2" not in lines[0]


@pytest.mark.parametrize(
    ("service", "wrong", "told"),
    [
        ("auth", {"SECRET_KEY": ""}, "auth: cannot start: SECRET_KEY is missing or well known"),
        ("auth", {"DATABASE_URL": "mysql://ann:hunter2@db/x"}, "DATABASE_URL: must be postgresql"),
        ("auth", {"KEYS_DIR": "/dev/null"}, "auth: cannot start: KEYS_DIR: [Errno 20] Not a directory"),
        ("auth", {"MAIL_PORT": "abc"}, "MAIL_PORT: Input should be a valid integer"),
        ("social", {"DATABASE_URL": ""}, "DATABASE_URL is missing"),
        ("social", {"BUS_URL": "kafka://ann:hunter2@bus"}, "BUS_URL: must be amqp://"),
        ("social", {"DATABASE_URL": "postgresql://ann:12/hunter2@db/x"}, "DATABASE_URL: must be"),
        ("social", {"AUTH_URL": "nonsense"}, "AUTH_URL must be http://host:port, not 'nonsense'"),
        ("social", {"PORT": "99999"}, "PORT=99999 is not between 1 and 65535"),
        ("web", {"INTERNAL_SECRET": ""}, "INTERNAL_SECRET is missing"),
        ("web", {"WEB_SECRET_KEY": "secret"}, "WEB_SECRET_KEY is missing or well known"),
        ("web", {"POSTS_URL": "ftp://posts:8000"}, "POSTS_URL must be http://host:port"),
        ("gateway", {"INTERNAL_SECRET": ""}, "INTERNAL_SECRET is missing"),
        ("gateway", {"WEB_URL": "web:8000"}, "WEB_URL must be http://host:port, not 'web:8000'"),
        ("gateway", {"RATELIMIT_STORAGE_URL": "mysql://a:hunter2@x"}, "must be redis://:password@host"),
        (
            "gateway",
            {"RATELIMIT_STORAGE_URL": "redis://:hunter2/9bTz@x:6379"},
            "must be redis://:password@host",
        ),
        ("gateway", {"TRUSTED_HOPS": "many"}, "TRUSTED_HOPS: Input should be a valid integer"),
        ("gateway", {"TRUSTED_HOPS": "-1"}, "TRUSTED_HOPS: Input should be greater than or equal to 0"),
        ("gateway", {"UPSTREAM_CONNECTIONS": "0"}, "UPSTREAM_CONNECTIONS: Input should be greater than"),
        ("gateway", {"REQUEST_SECONDS": "0"}, "REQUEST_SECONDS: Input should be greater than 0"),
        ("gateway", {"CORS_ORIGINS": "https://a.example/app"}, "CORS_ORIGINS: must be https://host or"),
        ("gateway", {"OPS_PORT": "99999"}, "OPS_PORT=99999 is not between 1 and 65535"),
        ("gateway", {"WEB_CONCURRENCY": "0"}, "WEB_CONCURRENCY=0 is not between 1 and 64"),
        ("web", {"WEB_CONCURRENCY": "many"}, "WEB_CONCURRENCY=many is not between 1 and 64"),
        ("gateway", {"WEB_CONCURRENCY": "1.5"}, "WEB_CONCURRENCY=1.5 is not between 1 and 64"),
        ("auth", {"WEB_CONCURRENCY": "two"}, "WEB_CONCURRENCY=two is not between 1 and 64"),
        ("social", {"WEB_CONCURRENCY": "65"}, "WEB_CONCURRENCY=65 is not between 1 and 64"),
        ("social", {"WEB_THREADS": "-3"}, "WEB_THREADS=-3 is not between 1 and 256"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_the_other_services_say_it_in_one_line_too(started, good, service, wrong, told):
    given = good | {"SECRET_KEY": f"{SECRET}a", "WEB_SECRET_KEY": f"{SECRET}b"} | wrong
    lines, code = last_words(started(OTHERS[service], given))
    assert (code != 0, len(lines)) == (True, 1), lines
    assert "cannot start: " in lines[0]
    assert told in lines[0]
    assert "hunter2" not in lines[0]


@pytest.mark.parametrize("service", ["posts", "web", "gateway"])
def test_a_process_that_was_killed_is_told_by_a_line_as_all_others(started, good, service):
    """It was a page of text: gunicorn's own form asks for what records do not hold here."""
    given = good | {"WEB_SECRET_KEY": f"{SECRET}b", "OPS_PORT": str(free_port()), "WEB_CONCURRENCY": ""}
    process = started(OTHERS.get(service, SERVE), given)
    [child] = answering(process, given, service)
    os.kill(int(child), signal.SIGKILL)
    eventually(lambda: answers(given, service), within=60)
    process.terminate()
    said, _ = process.communicate(timeout=60)
    [told] = [line for line in map(json.loads, said.splitlines()) if line["logger"] == "gunicorn.error"]
    assert (told["service"], told["level"]) == (service, "error")
    assert f"Worker (pid:{child}) was sent SIGKILL!" in told["message"]


@each
def test_a_file_of_settings_where_it_starts_is_read_unless_told_otherwise(started, good, tmp_path, command):
    """`make run` tells its processes all; a file for Docker in the same folder is not for them."""
    (tmp_path / ".env").write_text("LOG_LEVEL=verbose\n")
    lines, code = last_words(started(command, good))
    assert (len(lines), code) == (1, EXITS.get(command, 1))
    assert "LOG_LEVEL" in lines[0]
    told = good | {"FLASK_SKIP_DOTENV": "1", "INTERNAL_SECRET": "secret"}
    lines, code = last_words(started(command, told))
    assert (len(lines), code) == (1, EXITS.get(command, 1))
    assert "INTERNAL_SECRET" in lines[0]


def test_a_secret_that_is_no_text_is_told_in_one_line(started, good, tmp_path):
    (tmp_path / "secret").write_bytes(b"\xff\xfe")
    lines, code = last_words(started(SERVE, good | {"INTERNAL_SECRET_FILE": str(tmp_path / "secret")}))
    assert code == EXITS[SERVE]
    assert len(lines) == 1
    assert lines[0].endswith(f"This is not text: '{tmp_path}/secret'")


def test_a_file_that_is_no_key_is_told_in_one_line(started, good, tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/mine.pem").write_text("-----BEGIN NONSENSE-----")
    lines, code = last_words(started(OTHERS["auth"], good | AUTH | {"KEYS_DIR": str(tmp_path / "keys")}))
    assert code == EXITS[SERVE]
    assert lines == [
        f"auth: cannot start: KEYS_DIR: {tmp_path}/keys/mine.pem"
        " is not an Ed25519 key in PEM without a password"
    ]


def test_where_no_key_can_be_made_prepare_says_so_in_one_line(started, good):
    lines, code = last_words(started(PREPARE_AUTH, good | AUTH | {"KEYS_DIR": "/proc/keys-of-auth"}))
    assert code == 1
    assert lines == [
        "Error: auth: no key can be made in KEYS_DIR:"
        " [Errno 2] No such file or directory: '/proc/keys-of-auth'"
    ]


def test_without_signing_keys_auth_waits_and_says_what_to_run_and_its_worker_does_without(
    started, good, tmp_path
):
    given = good | AUTH | {"KEYS_DIR": str(tmp_path / "keys")}
    assert last_words(started(PREPARE_AUTH, given | {"KEYS_DIR": str(tmp_path / "others")}))[1] == 0
    started(OTHERS["auth"], given)
    started(COMMANDS["worker"].replace("posts.", "auth."), given)
    status, checks = eventually(lambda: health(given), within=30)
    assert (status, checks["keys"]) == (503, f"there is no signing key in {tmp_path}/keys: run prepare")
    eventually(lambda: (health(given, "WORKER_PORT") or [0])[0] == 200, within=30)
    assert last_words(started(PREPARE_AUTH, given))[1] == 0
    eventually(lambda: health(given)[0] == 200, within=30)
