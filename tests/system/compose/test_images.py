"""What the built images hold, and what they do not."""

import subprocess
from pathlib import Path

import pytest

from .engine import ROOT, SERVICES, STATEFUL

TOOLS = ("pip", "gcc", "cc", "make", "git", "curl", "wget")
OURS_LIMIT = 55  # MB; with the 125 of the official base that makes 180


def files(tag, folder):
    words = ["docker", "run", "--rm", "--entrypoint", "find", tag, folder, "-type", "f"]
    return set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())


def sources(folder, below):
    """The Python files of a folder of the repository, as an image should have them."""
    paths = (path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*.py"))
    return {f"{below}/{path}" for path in paths if "testing" not in path.parts}


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_holds_its_service_and_the_chassis_only(site, name):
    held = {file for file in files(f"flasky-{name}:tested", "/srv") if not file.startswith("/srv/env/")}
    code = sources("chassis/chassis", "/srv/chassis/chassis") | sources(
        f"services/{name}/{name}", f"/srv/{name}/{name}"
    )
    if name in STATEFUL:
        code |= sources(f"services/{name}/migrations", f"/srv/{name}/migrations")
    if name == "auth":  # `flask fake` is a client of the blog like any other
        code |= sources("clients/python/flasky_client", "/srv/client/flasky_client")
    assert {file for file in held if file.endswith(".py")} == code
    assert {Path(file).parts[2] for file in held} == {Path(file).parts[2] for file in code}
    assert not [file for file in held if "/tests/" in file or "/testing/" in file]


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_has_nothing_that_builds(site, name):
    script = "".join(f"command -v {tool}; " for tool in TOOLS) + "python -m pip --version 2>/dev/null; true"
    found = subprocess.run(
        ["docker", "run", "--rm", "--entrypoint", "sh", f"flasky-{name}:tested", "-c", script],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout == ""


@pytest.mark.parametrize("name", SERVICES)
def test_without_its_secrets_a_container_says_so_and_ends(site, name):
    alone = subprocess.run(
        ["docker", "run", "--rm", f"flasky-{name}:tested"], capture_output=True, text=True, timeout=120
    )
    told = [line for line in (alone.stdout + alone.stderr).splitlines() if "cannot start" in line]
    assert alone.returncode != 0
    assert len(told) == 1
    assert "is missing or well known" in told[0]


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_adds_no_more_to_its_base_than_it_may(site, name):
    base, whole = size("python:3.12-slim"), size(f"flasky-{name}:tested")
    print(f"\nflasky-{name}: {whole:.1f} MB: python:3.12-slim {base:.1f} and ours {whole - base:.1f}")
    assert whole - base <= OURS_LIMIT


def size(tag):
    words = ["docker", "image", "inspect", "--format", "{{.Size}}", tag]
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout) / 1e6
