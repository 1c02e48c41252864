"""A repository of its own: this tree, committed once, in which nothing has been released yet."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from packaging.version import Version

from deploy.release.deployed import OVERLAYS
from deploy.release.parts import ROOT, Part, git

FIRST = Version("1.0.0")

LEFT_OUT = (
    ".git",
    ".venv",
    ".checks",
    ".run",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
    ".coverage*",
    "secrets",
)


def run_git(root: Path, *words: str) -> str:
    identity = ["-c", "user.name=Tests", "-c", "user.email=tests@example.com"]
    return subprocess.run(
        ["git", "-C", str(root), *identity, *words], check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository") / "flasky"
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*LEFT_OUT))
    forget_releases(root)
    run_git(root, "init", "--quiet", "--initial-branch=main")
    run_git(root, "config", "user.name", "Tests")
    run_git(root, "config", "user.email", "tests@example.com")
    run_git(root, "add", "--all")
    run_git(root, "commit", "--quiet", "--message", "The tree as it is")
    return root


def forget_releases(root: Path) -> None:
    """Releases are made here, by the command under test, and the first is 1.0.0."""
    for part in Part.all(root):
        shutil.rmtree(part.contract / "released", ignore_errors=True)
        part.changelog.unlink(missing_ok=True)
        part.write_version(FIRST)
    overlay = root / OVERLAYS / "production/kustomization.yaml"
    overlay.write_text(re.sub(r"newTag: [^}]+", f"newTag: {FIRST}", overlay.read_text()))


@pytest.fixture
def posts(repository: Path) -> Part:
    return Part.named("posts", repository)


@pytest.fixture
def edit(repository: Path):
    """Changes one place of a file and commits it; everything is as before after the test."""
    before = git("rev-parse", "HEAD", root=repository)
    tags = set(git("tag", root=repository).split())

    def change(path: str, old: str, new: str, message: str = "A change") -> None:
        file = repository / path
        text = file.read_text()
        assert old in text, f"{path} has no {old!r} any more"
        file.write_text(text.replace(old, new))
        run_git(repository, "add", "--all")
        run_git(repository, "commit", "--quiet", "--message", message)

    yield change
    git("reset", "--hard", "--quiet", before, root=repository)
    git("clean", "-fdq", root=repository)
    for tag in set(git("tag", root=repository).split()) - tags:
        git("tag", "--delete", tag, root=repository)
