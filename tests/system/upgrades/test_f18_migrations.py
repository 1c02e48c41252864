"""F18: the schema changes while people read and write; the migration is killed in the middle and run again;
the new release waits for its schema, and the old one goes on with the new schema. Nobody notices.
"""

import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager

import pytest
import requests
import sqlalchemy as sa

from deploy.local.stack import unready

from ..rig.blog import told
from ..rig.checker import soon
from ..rig.load import READING, Load
from ..rig.rollout import ended_well
from .trees import next_posts

POSTS, RATE = 60, 25.0
READS = 5.0  # seconds that a table stays in use while the migration waits: two of a request's patience
WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
LOOKS = 1.5  # seconds for a release to be used by the load


@pytest.fixture(scope="module")
def next_release(rig, tmp_path_factory):
    return next_posts(tmp_path_factory.mktemp("next"))


@pytest.fixture
def members(rig):
    """Nobody tries anything twice; there is something to migrate."""
    found = rig.members(5)
    for number in range(POSTS):
        assert found[0].publish(f"an old post, number {number}").outcome == "done"
    return found


@pytest.fixture
def prepare(rig, next_release):
    """Starts `flask prepare --phase expand` of the next posts."""
    started = []

    def start():
        words = [sys.executable, "-m", "flask", "--app", "posts.app", "prepare", "--phase", "expand"]
        given = rig.stack.environment("posts", next_release)
        started.append(
            subprocess.Popen(
                words, env=given, cwd=next_release, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@contextmanager
def reading_for_long(rig):
    """A transaction that looks at posts and stays open, as a backup's does."""
    with rig.books.engines["posts"].connect() as connection:
        connection.execute(sa.text("SELECT count(*) FROM posts"))
        yield


def at_the_table(rig):
    """The migration has come to the table that somebody reads. It waits there; files let it pass."""
    return rig.books.value("posts", WAITS) > 0 if rig.real else halfway(rig)


def halfway(rig):
    try:
        return rig.books.value("posts", "SELECT count(mood) FROM posts") > 10
    except sa.exc.DBAPIError:  # no such column yet
        return False


def unreadiness(rig):
    """What the posts that was started last says while it is not ready."""
    try:
        answer = requests.get(f"http://127.0.0.1:{rig.stack.ports['posts']}/readyz", timeout=5)
    except requests.ConnectionError:
        return ""
    return answer.json()["checks"]["schema"] if answer.status_code == 503 else ""


def asks_for_posts(member, seconds):
    """Most pages know what to say without posts; the API does not."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        member.look("/posts/")


def migrate(rig, prepare, asking):
    """While somebody reads for long; killed in the middle, and run again. Returns how many rows were left."""
    with reading_for_long(rig):
        broken_off = prepare()
        soon(lambda: at_the_table(rig), 60)
        asks_for_posts(asking, READS if rig.real else 0)
    soon(lambda: halfway(rig), 60)
    broken_off.kill()
    assert broken_off.wait() == -signal.SIGKILL
    left = rig.books.value("posts", "SELECT count(*) FROM posts WHERE mood IS NULL")
    again = prepare()
    assert again.wait(60) == 0, again.stdout.read()
    return left


def test_the_schema_grows_under_load_and_both_releases_serve_on_it(rig, members, prepare, next_release):
    before = len(rig.ledger.promises)
    there = rig.books.value("posts", "SELECT max(id) FROM posts")
    *loading, asking = members
    with Load(loading, RATE, seed=18, mix=READING):
        leaving = [rig.stack.beside("posts", next_release)]
        assert "run prepare" in soon(lambda: unreadiness(rig), 60)
        left = migrate(rig, prepare, asking)
        soon(lambda: not unready(rig.stack.ports["posts"]), 30)  # by itself
        rig.stack.take_over("posts")
        leaving[0].terminate()
        leaving.append(rig.stack.replace("posts-worker", next_release))
        time.sleep(LOOKS)
        leaving += [rig.stack.replace(name) for name in ("posts", "posts-worker")]
        time.sleep(LOOKS)
    assert all(ended_well(old) for old in leaving)
    empty = rig.books.value("posts", f"SELECT count(*) FROM posts WHERE mood IS NULL AND id <= {there}")
    tries = [each for promise in rig.ledger.promises[before:] for each in promise.tries]
    failed = Counter(each.status for each in tries if not 200 <= each.status < 400)
    rig.check(within=60)
    told(
        "F18",
        rig.kind,
        "migration while serving and while a table is in use, killed midway, run again; forth and back",
        f"{len(tries)} requests, {failed.total()} failed; {left} rows were left for the second run",
        "0 failed, re-run completes, both releases pass",
    )
    assert (empty, failed) == (0, Counter())
    assert left > 0
