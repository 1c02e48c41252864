"""What has a version of its own: each service, the chassis they ride on, and the client.

A release leaves a snapshot in `contract/released/<version>/`: what was promised (API document, event
schemas), real events as they were said (`fixtures/`) and what was needed of others (`agreements/`). The
commit that brought the snapshot is the release.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from packaging.version import InvalidVersion, Version

from ..local.stack import ROOT, code_of

AGREEMENTS = "tests/contract/agreements"
BUMPS = ("major", "minor", "patch")
NO_SERVICES = {"chassis": "chassis", "flasky-client": "clients/python"}  # with their folders


class Refused(Exception):
    """Not done; the message says why and what to do."""


def git(*words: str, root: Path = ROOT) -> str:
    """What git says; raises `Refused` with its complaint."""
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True)
    if done.returncode:
        raise Refused(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def run_in(root: Path, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs this Python with the chassis and the services of another tree, whatever is installed.

    What a test run around it asks for (coverage, options of pytest) is not passed on: it is about this tree.
    """
    passed = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
    given = passed | code_of(root) | (env or {})
    return subprocess.run([sys.executable, *words], cwd=root, env=given, capture_output=True, text=True)


def shallow(root: Path) -> set[str]:
    """The commits at which a shallow clone ends: to git they look as if they had brought every file."""
    file = root / git("rev-parse", "--git-path", "shallow", root=root)
    return set(file.read_text().split()) if file.exists() else set()


def version_of(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise Refused(f"{text!r} is not a version; versions look like 1.2.0") from None


@dataclass(frozen=True)
class Part:
    """A service, the chassis or the client, in the repository at `root`."""

    name: str
    root: Path = ROOT

    @classmethod
    def all(cls, root: Path = ROOT) -> list[Self]:
        return [*(cls(name, root) for name in NO_SERVICES), *cls.services(root)]

    @classmethod
    def services(cls, root: Path = ROOT) -> list[Self]:
        names = sorted(path.parent.name for path in (root / "services").glob("*/pyproject.toml"))
        return [cls(name, root) for name in names]

    @classmethod
    def named(cls, name: str, root: Path = ROOT) -> Self:
        known = {part.name: part for part in cls.all(root)}
        if name not in known:
            raise Refused(f"{name!r} is not one of: {', '.join(known)}")
        return known[name]

    @property
    def folder(self) -> Path:
        return self.root / NO_SERVICES.get(self.name, f"services/{self.name}")

    @property
    def has_contract(self) -> bool:
        """Whether it promises something itself: whoever has data does."""
        return (self.folder / "migrations").is_dir()

    @property
    def module(self) -> Path:
        """Where its version is written."""
        return self.folder / self.name.replace("-", "_") / "__init__.py"

    @property
    def contract(self) -> Path:
        return self.folder / "contract"

    @property
    def changelog(self) -> Path:
        return self.folder / "CHANGELOG.md"

    @property
    def version(self) -> Version:
        [written] = re.findall(r'^__version__ = "(.+)"$', self.module.read_text(), re.M)
        return Version(written)

    @property
    def released(self) -> list[Version]:
        """Versions with a snapshot, oldest first."""
        return sorted(Version(path.name) for path in (self.contract / "released").glob("*"))

    @property
    def last(self) -> Version | None:
        return self.released[-1] if self.released else None

    def snapshot(self, version: Version) -> Path:
        folder = self.contract / "released" / str(version)
        if not folder.is_dir():
            known = ", ".join(map(str, self.released)) or "none yet"
            raise Refused(f"{self.name} {version} was never released (released: {known})")
        return folder

    def tag(self, version: Version) -> str:
        return f"{self.name}-v{version}"

    def commit(self, version: Version) -> str:
        """The commit of a release: its tag's, or the one that brought its snapshot.

        Tags may be left behind, and a rebase changes hashes, so no hash is written down. Raises `Refused`
        when this clone lacks the commit.
        """
        record = self.snapshot(version) / "release.json"
        if tagged := git("tag", "--list", "--format=%(*objectname)", self.tag(version), root=self.root):
            return tagged
        found = git("log", "-1", "--format=%H", "--diff-filter=A", "--", str(record), root=self.root)
        if found and found not in shallow(self.root):
            return found
        raise Refused(
            f"this clone lacks the commit of {self.name} {version};"
            " get the whole history: git fetch --unshallow --tags"
        )

    def promises(self, version: Version | None = None) -> dict[str, Any]:
        """What it promises, today or as of a release: documents by their path below `contract/`."""
        folder = self.contract if version is None else self.snapshot(version)
        found = [folder / "openapi.json", *sorted((folder / "events").glob("*.json"))]
        return {
            str(path.relative_to(folder)): json.loads(path.read_text()) for path in found if path.exists()
        }

    def needs(self) -> list[Path]:
        """Its agreements: what it needs of others."""
        return sorted((self.root / AGREEMENTS).glob(f"{self.name}.*.json"))

    def write_version(self, version: Version) -> None:
        text = self.module.read_text()
        self.module.write_text(
            re.sub(r'^__version__ = ".+"$', f'__version__ = "{version}"', text, flags=re.M)
        )

    def take_snapshot(self, version: Version, date: str) -> Path:
        folder = self.contract / "released" / str(version)
        folder.mkdir(parents=True)
        for name, promise in self.promises().items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(json.dumps(promise, indent=2, sort_keys=True) + "\n")
        if (self.contract / "fixtures").is_dir():
            shutil.copytree(self.contract / "fixtures", folder / "fixtures")
        for agreement in self.needs():
            (folder / "agreements").mkdir(exist_ok=True)
            shutil.copy(agreement, folder / "agreements")
        record = {"version": str(version), "date": date}
        (folder / "release.json").write_text(json.dumps(record, indent=2) + "\n")
        return folder


def bumped(version: Version, bump: str) -> Version:
    major, minor, patch = version.release
    if bump not in BUMPS:
        raise Refused(f"BUMP={bump} is not one of: {', '.join(BUMPS)}")
    after = {"major": (major + 1, 0, 0), "minor": (major, minor + 1, 0), "patch": (major, minor, patch + 1)}
    return Version(".".join(map(str, after[bump])))
