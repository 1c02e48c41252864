"""The runbook docs/runbooks/backup-and-restore.md, every command of it, on a blog of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.stack import Stack

from .blogs import ENVIRONMENT, free_block, surroundings
from .people import Blog

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs/runbooks/backup-and-restore.md").read_text()
BACKUP, LOOK, RESTORE, CONVERGE = re.findall(r"```bash\n(.*?)```", RUNBOOK, re.S)


@pytest.fixture
def own(stack, tmp_path):
    """A blog that may be stopped."""
    with Stack(free_block(), tmp_path / "data", ENVIRONMENT | surroundings(stack)) as running:
        yield Blog(running)


@pytest.fixture
def as_told(own, tmp_path):
    """Runs a block of the runbook as a person would, with this blog's port and folders."""

    def run(block):
        script = block.replace("backups/", f"{tmp_path}/backups/").replace(
            "make ", f"make PY={sys.executable} "
        )
        given = own.stack.given | {"PORT": str(own.stack.port), "DATA": str(own.stack.data)}
        told = subprocess.run(
            ["bash", "-ec", script], env=given, cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        assert told.returncode == 0, told.stdout + told.stderr
        return told.stdout

    return run


def test_what_was_there_at_the_backup_is_there_after_the_restore(own, as_told):
    ann = own.member("ann")
    kept = ann.post("/posts/", body="written before").json()["id"]
    as_told(BACKUP)
    assert '"service": "posts"' in as_told(LOOK)
    lost = ann.post("/posts/", body="written after").json()["id"]

    own.stack.stop()
    assert "start the blog" in as_told(RESTORE)
    own.stack.start()
    own.stack.ready()
    as_told(CONVERGE)

    ann.sign_in()
    assert ann.get(f"/posts/{kept}").json()["body"] == "written before"
    assert ann.get(f"/posts/{lost}").status_code == 404
    assert [post["id"] for post in ann.timeline()] == [kept]
    assert ann.post("/posts/", body="written later").json()["id"] > lost + 1_000_000
