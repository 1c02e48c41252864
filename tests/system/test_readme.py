"""The commands and programs of the README and of docs/use, copied as they are, on the demo people."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from auth.fake import PASSWORD_OF_ALL

from .people import Person

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/use/api.md", "clients/python/README.md")
BLOCK = re.compile(r"```(bash|python)\n(.*?)```", re.S)
BLOCKS = {
    f"{page} {number}": block
    for page in PAGES
    for number, block in enumerate(BLOCK.findall((ROOT / page).read_text()), 1)
}
# What they say, in their order.
SAYS = {
    "README.md 1": [r'"prev_url"'],
    "docs/use/api.md 1": [
        r'"body_html":"<p>I am adding a post from the <em>command line</em>.</p>"',
        r'"prev_url".*"prev_url"',
    ],
    "docs/use/api.md 2": ["<em>command line</em>", r'"expiration":\s*3600'],
    "docs/use/api.md 3": [r"201 <p>Once, however often I say it.</p>", r"[1-9]\d* \[\d+.*\] (None|http)"],
    "docs/use/api.md 4": [r'"email":"rosa@example.com"', r'"confirmed":true'],
    "clients/python/README.md 1": [r"john I am adding a post from a \*program\*\.", "404 "],
}


@pytest.fixture(scope="session")
def demo(blog):
    """john exists with the demo password, as after the first `make run`."""
    john = Person(blog, "john", "john@example.com")
    made = john.post("/users/", email=john.email, username=john.username, password=PASSWORD_OF_ALL)
    assert made.status_code == 201, made.text
    john.confirm()
    return blog


def here(demo, block):
    """At this blog's address and data folder; whatever is refused ends it."""
    block = block.replace("localhost:8000", f"127.0.0.1:{demo.stack.port}")
    block = block.replace(".run/mail", str(demo.stack.data / "mail"))
    return block.replace("curl -s", "curl -sS --fail-with-body").replace(
        "http --ig", "http --check-status --ig"
    )


def run(demo, kind, block):
    """As a person would."""
    path = f"{Path(sys.executable).parent}:{demo.stack.given['PATH']}"
    for program in ("curl", "http", "grep"):
        assert shutil.which(program, path=path), f"{program} is needed for this test"
    told = subprocess.run(
        ["bash", "-ec", here(demo, block)] if kind == "bash" else [sys.executable, "-c", here(demo, block)],
        env={"PATH": path, "HOME": str(demo.stack.data)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


@pytest.mark.parametrize("name", BLOCKS)
def test_what_the_documentation_says_to_type_does_what_it_says(demo, name):
    said = run(demo, *BLOCKS[name])
    for expected in SAYS[name]:
        assert re.search(expected, said, re.S), said


def test_the_readme_is_one_screen():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 40
