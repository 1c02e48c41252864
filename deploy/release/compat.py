"""`make compat`: today's code beside the last released versions of the others, both ways, as a table.

For each pair of services, one as it is today and one as it was last released, two things are run, not argued:
the provider's real application against what the other needs of it (tests/contract in the provider's tree,
with the consumer's agreements), and the consumer's real handlers with what the provider says (kept events).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import permutations
from pathlib import Path
from typing import Any

from packaging.version import Version

from .contracts import breaks
from .parts import AGREEMENTS, ROOT, Part, Refused, git, run_in

TESTS = "tests/contract/test_between_versions.py"
NEEDS, SAYS = "what_a_consumer_needs", "what_a_provider_said"


@dataclass(frozen=True)
class Side:
    """One service at one version: its tree, what it needs of others, and what it says."""

    name: str
    version: str
    tree: Path
    agreements: Path
    fixtures: Path

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Row:
    """`told` is why, when `kept` is false."""

    provider: str
    consumer: str
    what: str
    kept: bool
    told: str = ""

    def __str__(self) -> str:
        return f"| {self.provider} | {self.consumer} | {self.what} | {'yes' if self.kept else 'NO'} |"


class Trees:
    """The trees of released versions, each checked out once."""

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        self._folder, self._root = folder, root

    def today(self, part: Part) -> Side:
        root = part.root
        return Side(part.name, "today", root, root / AGREEMENTS, part.contract / "fixtures")

    def at(self, part: Part, version: Version) -> Side:
        """Raises `Refused` when this clone lacks the commit."""
        commit = part.record(version)["commit"]
        tree = self._folder / commit
        if not tree.exists():
            self._check_out(commit, tree)
        snapshot = part.snapshot(version)
        return Side(part.name, str(version), tree, snapshot / "agreements", snapshot / "fixtures")

    def _check_out(self, commit: str, tree: Path) -> None:
        try:
            git("cat-file", "-e", f"{commit}^{{commit}}", root=self._root)
        except Refused:
            raise Refused(
                f"this clone has no commit {commit[:12]}; get the whole history: git fetch --unshallow"
            ) from None
        packed = subprocess.run(
            ["git", "-C", str(self._root), "archive", commit], capture_output=True, check=True
        ).stdout
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(tree, filter="data")


def between(provider: Side, consumer: Side) -> Iterator[Row]:
    """Both promises of a pair. A consumer that needs nothing of the provider is no row."""
    needed = agreed(consumer, provider.name)
    if needed:
        yield verified(provider.tree, provider, consumer, NEEDS, "gives what the other needs")
    if any("event" in agreement for agreement in needed):
        yield verified(consumer.tree, provider, consumer, SAYS, "its events are understood")


def agreed(consumer: Side, provider: str) -> list[dict[str, Any]]:
    """What it needs of that provider."""
    found = [json.loads(path.read_text()) for path in consumer.agreements.glob(f"{consumer.name}.*.json")]
    return [agreement for agreement in found if agreement["provider"] == provider]


def verified(tree: Path, provider: Side, consumer: Side, which: str, what: str) -> Row:
    given = {"BETWEEN": f"{provider.name} {consumer.name}", "PYTEST_ADDOPTS": ""}
    if which is NEEDS:
        given["AGREEMENTS"] = str(consumer.agreements)
    else:
        # Only the consumer's handlers are asked, though both are named.
        given |= {"FIXTURES": str(provider.fixtures), "BETWEEN": consumer.name}
    words = [
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "--stack=embedded",
        TESTS,
        "-k",
        which,
    ]
    done = run_in(tree, *words, env=given)
    told = "\n".join(line for line in done.stdout.splitlines() if line.startswith(("E  ", "FAILED", "ERROR")))
    return Row(str(provider), str(consumer), what, done.returncode == 0, told or done.stderr[-500:])


def matrix(root: Path = ROOT, only: str = "") -> list[Row]:
    """Today beside the last release of everybody else, and the contracts of today beside all releases."""
    services = [part for part in Part.all(root) if part.name != "chassis"]
    with temporary() as folder:
        trees = Trees(folder, root)
        rows = [row for part in services for row in kept_promises(part)]
        for one, other in permutations(services, 2):
            if not only or only in (one.name, other.name):
                rows += beside_the_last(trees, one, other)
    return rows


def beside_the_last(trees: Trees, one: Part, other: Part) -> list[Row]:
    """One as it is today, the other as it was last released."""
    if other.last is None:
        return []
    now, then = trees.today(one), trees.at(other, other.last)
    return [*between(now, then), *between(then, now)]


def kept_promises(part: Part) -> Iterator[Row]:
    """Full transitive: against every release of this major version, not only the last."""
    for version in (each for each in part.released if part.last and each.major == part.version.major):
        found = breaks(part.promises(version), part.promises())
        yield Row(
            f"{part.name} today", "everybody", f"keeps the contract of {version}", not found, "\n".join(found)
        )


@contextmanager
def temporary() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="flasky-trees-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def table(rows: list[Row]) -> str:
    return "\n".join(["| provider | consumer | what | kept |", "|---|---|---|---|", *map(str, rows)])


def main() -> None:
    words = argparse.ArgumentParser(prog="make compat", description=__doc__)
    words.add_argument("--service", default=os.environ.get("SERVICE", ""), help="only pairs with this one")
    given = words.parse_args()
    try:
        rows = matrix(only=given.service)
    except Refused as reason:
        sys.exit(f"Not compared: {reason}")
    print(table(rows))
    if broken := [row for row in rows if not row.kept]:
        sys.exit("\n".join(f"\n{row.provider} → {row.consumer}:\n{row.told}" for row in broken))


if __name__ == "__main__":
    main()
