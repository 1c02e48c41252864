"""`make run` as a person meets it: an empty folder, an address, demo people, Ctrl-C, and the same again; a
process that is killed is started again.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from honcho.printer import Message

from auth.fake import PASSWORD_OF_ALL as PASSWORD
from chassis.testing.parts import Databases, Vhosts
from deploy.local.run import OLDER_LOGS, Quiet, Rotated
from deploy.local.seed import PEOPLE
from deploy.local.stack import ROOT
from tests.system.blogs import free_block

LIMIT = 240.0  # of other work on the machine, not of the runner
POLL = 0.05

pytestmark = pytest.mark.xdist_group("parts")


@pytest.fixture
def addresses(stack: str) -> Iterator[dict[str, str]]:
    """What a person gives `make run` for the real stack: three databases and a bus."""
    if stack == "embedded":
        yield {}
        return
    databases, vhosts = Databases.from_environment(), Vhosts.from_environment()
    names = {f"{service.upper()}_DATABASE_URL": f"run_{service}" for service in ("auth", "posts", "social")}
    urls = {variable: databases.database(name) for variable, name in names.items()}
    bus = vhosts.vhost()
    yield urls | {"BUS_URL": bus}
    vhosts.drop(bus)
    for name in names.values():
        databases.drop(name)


@contextmanager
def running(folder: Path, port: int, addresses: dict[str, str]) -> Iterator[Path]:
    """The runner, once it has said that the blog is ready; gives the file of what it printed."""
    environment = {
        **os.environ,
        **addresses,
        "PORT": str(port),
        "DATA": str(folder / "data dir"),
        "SEED": "1",
    }
    said = folder / "said"
    with said.open("wb") as output:
        command = [sys.executable, "-m", "deploy.local.run"]
        runner = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=output, stderr=output)
    try:
        wait_for(lambda: "Ctrl-C ends it" in said.read_text() or runner.poll() is not None)
        assert runner.poll() is None, said.read_text()
        yield said
        family = descendants(runner.pid)
        runner.send_signal(signal.SIGINT)
        assert runner.wait(LIMIT) == 0, said.read_text()
        wait_for(lambda: not any(alive(pid) for pid in family))
    finally:
        runner.terminate()  # does nothing to one that has ended
        runner.wait(LIMIT)


def wait_for(condition) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(POLL)


def descendants(pid: int) -> set[int]:
    listings = Path(f"/proc/{pid}/task").glob("*/children")
    children = {int(child) for listing in listings for child in listing.read_text().split()}
    return children.union(*(descendants(child) for child in children))


def alive(pid: int) -> bool:
    """A zombie is not: it has ended, though nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ask(port: int, path: str, token: str = "") -> dict:
    credentials = (token, "") if token else (f"{PEOPLE[1]}@example.com", PASSWORD)
    answer = requests.request(
        "GET" if token else "POST", f"http://127.0.0.1:{port}/api/v1{path}", auth=credentials, timeout=10
    )
    assert answer.ok, answer.text
    return answer.json()


def test_the_log_of_a_long_run_does_not_fill_the_disk(tmp_path: Path):
    log = Rotated(tmp_path / "blog.log", most=1000)
    printer = Quiet(log)
    for number in range(1000):
        line = b'{"level": "info", "number": %d}' % number
        printer.write(Message("line", line, datetime.now(UTC), "posts", None))
    log.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 1 + OLDER_LOGS
    assert all(file.stat().st_size <= 1000 for file in files)
    numbers = [line.partition("number")[2][3:-1] for line in (tmp_path / "blog.log").read_text().splitlines()]
    assert numbers[-1] == "999"


def test_make_run_starts_fills_ends_and_keeps_the_blog(tmp_path: Path, addresses: dict[str, str]):
    port = free_block()
    with running(tmp_path, port, addresses) as said:
        assert re.search(rf"http://localhost:{port}/api/docs", said.read_text())
        assert f"password of all: {PASSWORD}" in said.read_text()
        token = ask(port, "/tokens/")["token"]
        timeline = ask(port, "/users/2/timeline/", token)
        authors = {post["id"]: post["author"]["username"] for post in timeline["posts"]}
        assert authors == {1: "susan", 2: "john", 3: "david", 4: "john"}
        count = ask(port, "/posts/", token)["count"]
        assert count == 64
    with running(tmp_path, port, addresses) as said:
        token = ask(port, "/tokens/")["token"]  # once: who asks again and again meets the limit of sign-ins
        assert ask(port, "/posts/", token)["count"] == count
        kill("posts.app:create_app()", port + 2)
        wait_for(lambda: "posts ended (SIGKILL) and is started again" in said.read_text())
        wait_for(lambda: answers(port, "/posts/", token))
        assert said.read_text().count("ended (") == 1


def kill(command: str, port: int) -> None:
    """SIGKILL to the processes of a command that know this port."""
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words, environment = (path / "cmdline").read_text(), (path / "environ").read_text()
            if command in words and f"\0PORT={port}\0" in f"\0{environment}":
                os.kill(int(path.name), signal.SIGKILL)


def answers(port: int, path: str, token: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(f"http://127.0.0.1:{port}/api/v1{path}", auth=(token, ""), timeout=10).ok
    return False
