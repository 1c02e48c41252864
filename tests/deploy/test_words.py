"""What operators type: a wrong word is told in one line, in the words of the command, and changes nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chassis.testing.parts import free_port
from deploy.k8s.pin import FILES

ROOT = Path(__file__).parents[2]
DIGEST = f"sha256:{'0f' * 32}"
LOCAL = [sys.executable, "-m", "deploy.local.backup"]
COMPOSE = ["deploy/compose/backup.sh"]


@pytest.fixture
def say(tmp_path):
    """Runs a command with words in its environment, as make gives them; its lines, and how it ended."""
    (tmp_path / "backups").mkdir()
    (tmp_path / "backups/posts.backup").write_text("of posts alone")
    given = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "DATA": str(tmp_path / "data"),
        "PORT": str(free_port()), "FROM": str(tmp_path / "backups"), "COMPOSE": "false",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }  # fmt: skip

    def run(command, **words):
        done = subprocess.run(
            command, cwd=ROOT, env=given | words, capture_output=True, text=True, timeout=60
        )
        assert not (tmp_path / "data").exists()
        return (done.stdout + done.stderr).splitlines(), done.returncode

    return run


@pytest.mark.parametrize("program", [LOCAL, COMPOSE], ids=["local", "compose"])
def test_only_force_1_means_that_what_is_there_may_be_lost(say, program):
    told = "make restore: FORCE=0 is not FORCE=1, which replaces what is in the databases"
    assert say([*program, "restore"], FORCE="0", SERVICE="posts") == ([told], 1)


@pytest.mark.parametrize("what", ["backup", "restore"])
@pytest.mark.parametrize("program", [LOCAL, COMPOSE], ids=["local", "compose"])
def test_a_service_that_keeps_nothing_is_named(say, program, what):
    told = f"make {what}: SERVICE=gateway has no database; those that have: auth, posts, social"
    assert say([*program, what], SERVICE="posts gateway") == ([told], 1)


@pytest.mark.parametrize("program", [LOCAL, COMPOSE], ids=["local", "compose"])
def test_a_folder_without_a_backup_of_it_is_named(say, program):
    lines, code = say([*program, "restore"], SERVICE="posts auth", FORCE="1")
    assert (len(lines), code) == (1, 1)
    assert lines[0].endswith("backups has no backup of auth")


@pytest.mark.parametrize("what", ["backup", "restore", "converge"])
def test_a_stack_that_there_is_not_is_none_of_the_others(say, what):
    lines, code = say(["make", f"PY={sys.executable}", what, "STACK=docker", "FORCE=1"])
    assert lines[0] == f"make {what}: STACK=docker is neither local nor compose"
    assert code == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], 'say RELEASE=1.0.1 DIGESTS="web=sha256:… gateway=sha256:…"'),
        (["1.0.1"], 'say RELEASE=1.0.1 DIGESTS="web=sha256:… gateway=sha256:…"'),
        ([f"web={DIGEST}"], 'say RELEASE=1.0.1 DIGESTS="web=sha256:… gateway=sha256:…"'),
        (["v1_0", f"web={DIGEST}"], 'say RELEASE=1.0.1 DIGESTS="web=sha256:… gateway=sha256:…"'),
        (["1.0.1", "web"], "web is not NAME=sha256:… with 64 digits from 0 to f"),
        (["1.0.1", "web=sha256:12"], "web=sha256:12 is not NAME=sha256:… with 64 digits from 0 to f"),
        (["1.0.1", f"web={DIGEST}", f"pages={DIGEST}"], "There is no image flasky-pages."),
        (["1.0.1", f"posts={DIGEST}"], "give posts-backup=sha256:… of the same release."),
    ],
)
def test_what_cannot_be_pinned_is_told_and_nothing_is_written(say, words, told):
    files = [ROOT / "deploy/k8s" / folder / "kustomization.yaml" for folder in FILES]
    before = [file.read_text() for file in files]
    lines, code = say([sys.executable, "-m", "deploy.k8s.pin", *words])
    assert (len(lines), code) == (1, 1), lines
    assert lines[0].endswith(told)
    assert [file.read_text() for file in files] == before
