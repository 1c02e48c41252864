"""The local runner: what each process is told, and what a person is told when the blog cannot run."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import run
from deploy.local import stack as local
from deploy.local.stack import ROOT, Stack, StackError, port_from

PORT = 18_700


@pytest.fixture
def blog(tmp_path: Path) -> Stack:
    stack = Stack(PORT, tmp_path / "blog", {"PATH": "/usr/bin"})
    stack._make_folders()
    return stack


def test_every_process_of_the_procfile_has_a_port(blog: Stack):
    assert set(blog.processes) <= set(blog.ports)


def test_each_service_has_its_own_database_in_the_data_folder(blog: Stack):
    urls = {name: blog.environment(name)["DATABASE_URL"] for name in ("auth", "posts", "social")}
    assert urls == {name: f"sqlite:///{blog.data}/{name}.sqlite" for name in urls}


def test_a_worker_has_its_service_s_database_and_a_port_of_its_own(blog: Stack):
    api, worker = blog.environment("posts"), blog.environment("posts-worker")
    assert worker["DATABASE_URL"] == api["DATABASE_URL"]
    assert (api["PORT"], worker["WORKER_PORT"]) == (str(PORT + 2), str(PORT + 12))


def test_given_addresses_are_used_as_they_are(tmp_path: Path):
    given = {"POSTS_DATABASE_URL": "postgresql+psycopg://db/posts", "BUS_URL": "amqp://bus/"}
    environment = Stack(PORT, tmp_path, given).environment("posts")
    assert (environment["DATABASE_URL"], environment["BUS_URL"]) == tuple(given.values())


def test_only_auth_knows_the_secret_key_and_nobody_another_s_database(tmp_path: Path):
    given = {"SECRET_KEY": "s" * 32, "INTERNAL_SECRET": "i" * 32, "AUTH_DATABASE_URL": "postgresql://secret"}
    stack = Stack(PORT, tmp_path, given)
    knowing = {name for name in stack.processes if "SECRET_KEY" in stack.environment(name)}
    assert knowing == {"auth", "auth-worker"}
    assert not any("AUTH_DATABASE_URL" in stack.environment(name) for name in stack.processes)
    assert {stack.environment(name)["INTERNAL_SECRET"] for name in stack.processes} == {"i" * 32}


def test_secrets_are_made_once_and_only_their_owner_reads_them(blog: Stack):
    path, before = blog.data / "secrets.env", blog.environment("auth")
    blog._make_folders()
    assert blog.environment("auth") == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (
        len({before["SECRET_KEY"], before["INTERNAL_SECRET"], blog.environment("web")["WEB_SECRET_KEY"]}) == 3
    )


def test_a_secret_that_is_new_is_added_to_those_that_are_there(blog: Stack):
    path = blog.data / "secrets.env"
    path.write_text("SECRET_KEY=kept\nINTERNAL_SECRET=kept\n")
    blog._make_folders()
    assert blog.environment("auth")["SECRET_KEY"] == "kept"
    assert len(blog.environment("web")["WEB_SECRET_KEY"]) > 30
    assert "WEB_SECRET_KEY" not in blog.environment("auth")


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a file where `.env` of the repository is; whom `make run` starts then, with which environments."""

    def write(text: str) -> dict[str, dict[str, str]]:
        (tmp_path / ".env").write_text(text)
        monkeypatch.setattr(local, "ENV_FILE", tmp_path / ".env")
        monkeypatch.setattr(run, "ENV_FILE", tmp_path / ".env")
        monkeypatch.setenv("DATA", str(tmp_path))
        stack = Stack.asked_for()
        return {name: stack.environment(name) for name in stack.processes}

    return write


def test_what_a_file_of_one_s_own_says_is_used_and_the_environment_wins(written, monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    environments = written("AVATARS=gravatar\nLOG_LEVEL=DEBUG\nFLASKY_ADMIN=\n")
    told = {(each["AVATARS"], each["LOG_LEVEL"], each["FLASKY_ADMIN"]) for each in environments.values()}
    assert told == {("gravatar", "ERROR", "admin@example.com")}


def test_a_real_site_s_settings_for_docker_do_not_reach_the_blog_on_this_machine(
    written, monkeypatch: pytest.MonkeyPatch, capsys
):
    """Its mail server would get the mails of demo people."""
    example = (ROOT / ".env.example").read_text()
    environments = written(example.replace("#MAIL_SERVER=smtp.example.com", "MAIL_SERVER=smtp.example.com"))
    assert not any({"MAIL_SERVER", "TRUSTED_HOPS", "PUBLISH"} & each.keys() for each in environments.values())
    with socket.create_server(("127.0.0.1", PORT + 3)):
        monkeypatch.setenv("PORT", str(PORT))
        assert run.main() == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "make run: .env is for docker-compose.yml; nothing of it is used here"


def command(service: str, data: Path, *words: str) -> tuple[int, str]:
    """As `make command` runs it; its exit and what it said."""
    given = {**os.environ, "SERVICE": service, "DATA": str(data), "PORT": str(PORT)}
    words = (sys.executable, "-m", "deploy.local.command", *words)
    done = subprocess.run(words, env=given, cwd=ROOT, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_a_command_of_one_service_is_told_what_its_processes_are(blog: Stack):
    assert command("posts", blog.data, "prepare", "--wait", "0") == (0, "posts: prepared\n")
    assert command("posts", blog.data, "dead", "list") == (0, "")
    assert command("posts", blog.data, "dead", "drop", "7") == (1, "Error: not parked: 7\n")


def test_a_command_of_nobody_or_nowhere_is_told_in_one_line(blog: Stack, tmp_path: Path):
    told = "make command: SERVICE=web has no commands; those that have: auth, posts, social\n"
    assert command("web", blog.data, "dead", "list") == (1, told)
    told = f"make command: there is no blog in DATA={tmp_path / 'elsewhere'}\n"
    assert command("posts", tmp_path / "elsewhere", "dead", "list") == (1, told)
    assert not (tmp_path / "elsewhere").exists()


def test_programs_of_this_python_come_first(blog: Stack):
    assert blog.environment("auth")["PATH"].startswith(str(Path(sys.executable).parent))


def test_a_busy_port_is_told_in_one_line(blog: Stack, monkeypatch: pytest.MonkeyPatch, capsys):
    with socket.create_server(("127.0.0.1", PORT + 2)):
        monkeypatch.setenv("PORT", str(PORT))
        monkeypatch.setenv("DATA", str(blog.data))
        assert run.main() == 1
    assert capsys.readouterr().err == (
        f"make run: port {PORT + 2} (posts) cannot be used: Address already in use. "
        f"Choose another first port: make run PORT={PORT + 100}\n"
    )


@pytest.mark.parametrize("port", ["", "web", "0", "65530", "-1", "8000.5"])
def test_a_port_that_is_none_is_told(port: str):
    with pytest.raises(StackError, match="is not a port number"):
        port_from(port)


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StackError, match="cannot be used: Not a directory"):
        Stack(PORT, tmp_path / "file" / "data", {})._make_folders()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b'{"level": "info", "message": "GET /"}', False),
        (b'{"level": "error", "message": "no"}', True),
        (b"Traceback (most recent call last):", True),
        (b"\n", False),
        (b"[1, 2]", True),
    ],
)
def test_the_terminal_shows_what_is_remarkable(line: bytes, shown: bool):
    assert run.remarkable(line) is shown
