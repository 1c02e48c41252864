"""The README's walk-through, copied line by line, on the demo people."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from auth.fake import PASSWORD_OF_ALL

from .people import Person

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


@pytest.fixture(scope="session")
def demo(blog):
    """john exists with the demo password, as after the first `make run`."""
    john = Person(blog, "john", "john@example.com")
    made = john.post("/users/", email=john.email, username=john.username, password=PASSWORD_OF_ALL)
    assert made.status_code == 201, made.text
    john.confirm()
    return blog


def run(demo, block, programs):
    """Runs a block as a person would, at this blog's address and data folder; stops at the first refusal."""
    script = block.replace("localhost:8000", f"127.0.0.1:{demo.stack.port}").replace(
        ".run/mail", str(demo.stack.data / "mail")
    )
    script = script.replace("curl -s", "curl -sS --fail-with-body").replace(
        "http --ignore", "http --check-status --ignore"
    )
    path = f"{Path(sys.executable).parent}:{demo.stack.given['PATH']}"
    for program in programs:
        assert shutil.which(program, path=path), f"{program} is needed for this test"
    told = subprocess.run(
        ["bash", "-ec", script],
        env={"PATH": path, "HOME": str(demo.stack.data)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def test_the_walk_through_with_curl(demo):
    said = run(demo, BLOCKS[0], ["curl"])
    assert '"body_html":"<p>I am adding a post from the <em>command line</em>.</p>"' in said
    assert said.count('"prev_url"') == 3


def test_the_walk_through_with_httpie(demo):
    said = run(demo, BLOCKS[1], ["http"])
    assert "<em>command line</em>" in said
    assert re.search(r'"expiration":\s*3600', said)


def test_somebody_new_with_curl(demo):
    said = run(demo, BLOCKS[2], ["curl", "grep"])
    assert '"email":"rosa@example.com"' in said
    assert '"confirmed":true' in said
