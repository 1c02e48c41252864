"""`make compat`: today's code beside the last released versions of the others, both ways, as a table.

For each pair of services, one as it is today and one as it was last released, two things are run, not argued:
the provider's real application against what the other needs of it (the consumer's agreements), and the
consumer's real handlers with what the provider says (kept events). Both are run by tests/contract in the tree
of the one whose code is asked, all questions to a tree at once.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as xml
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import permutations
from pathlib import Path
from typing import Any

from packaging.version import Version

from ..local.stack import ROOT
from .contracts import breaks
from .parts import AGREEMENTS, Part, Refused, run_in

TESTS = "tests/contract/test_between_versions.py"
NEEDS, SAYS = "gives what the other needs", "its events are understood"


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
class Question:
    """Whether a promise is kept; the code that is asked is in the tree of the one or of the other."""

    provider: Side
    consumer: Side
    what: str

    @property
    def tree(self) -> Path:
        return self.provider.tree if self.what is NEEDS else self.consumer.tree

    def asked(self) -> dict[str, str]:
        """As test_between_versions.py reads it, in every version since the first release."""
        names = {"provider": self.provider.name, "consumer": self.consumer.name}
        if self.what is NEEDS:
            return names | {"agreements": str(self.consumer.agreements)}
        return names | {"fixtures": str(self.provider.fixtures)}


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
        commit = part.commit(version)
        tree = self._folder / commit
        if not tree.exists():
            self._check_out(commit, tree)
        snapshot = part.snapshot(version)
        return Side(part.name, str(version), tree, snapshot / "agreements", snapshot / "fixtures")

    def _check_out(self, commit: str, tree: Path) -> None:
        packed = subprocess.run(
            ["git", "-C", str(self._root), "archive", commit], capture_output=True, check=True
        ).stdout
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(tree, filter="data")


def between(provider: Side, consumer: Side) -> Iterator[Question]:
    """Both promises of a pair. A consumer that needs nothing of the provider asks nothing."""
    needed = agreed(consumer, provider.name)
    if needed:
        yield Question(provider, consumer, NEEDS)
    if any("event" in agreement for agreement in needed):
        yield Question(provider, consumer, SAYS)


def agreed(consumer: Side, provider: str) -> list[dict[str, Any]]:
    """What it needs of that provider."""
    found = [json.loads(path.read_text()) for path in consumer.agreements.glob(f"{consumer.name}.*.json")]
    return [agreement for agreement in found if agreement["provider"] == provider]


def answered(questions: Iterable[Question]) -> list[Row]:
    """Asks each tree once."""
    by_tree: dict[Path, list[Question]] = defaultdict(list)
    for question in questions:
        by_tree[question.tree].append(question)
    return [row for tree, asked in by_tree.items() for row in ask(tree, asked)]


def ask(tree: Path, questions: list[Question]) -> list[Row]:
    with temporary() as folder:
        asked, said = folder / "asked.json", folder / "said.xml"
        asked.write_text(json.dumps([question.asked() for question in questions]))
        words = ["-q", "-p", "no:cacheprovider", "--stack=embedded", f"--junitxml={said}", TESTS, "-k", "row"]
        done = run_in(tree, "-m", "pytest", *words, env={"BETWEEN": str(asked)})
        root = xml.parse(said) if said.exists() else None  # noqa: S314 # nosec B314 # habit: our own pytest's
        cases = list(root.iter("testcase")) if root else []
    return [row_of(question, f"[row {at} ", cases, done) for at, question in enumerate(questions)]


def row_of(
    question: Question, mark: str, cases: list[xml.Element], done: subprocess.CompletedProcess[str]
) -> Row:
    mine = [case for case in cases if mark in case.get("name", "")]
    wrong = [part.get("message", "") for case in mine for part in case if part.tag in ("failure", "error")]
    told = "\n".join(wrong) or ("" if mine else f"nothing was run:\n{done.stdout[-500:]}{done.stderr[-500:]}")
    return Row(str(question.provider), str(question.consumer), question.what, not told, told)


def matrix(root: Path = ROOT, only: str = "") -> list[Row]:
    """Today beside the last release of everybody else, and the contracts of today beside all releases."""
    services = Part.services(root)
    with temporary() as folder:
        trees = Trees(folder, root)
        pairs = [pair for pair in permutations(services, 2) if not only or only in [one.name for one in pair]]
        questions = [question for pair in pairs for question in beside_the_last(trees, *pair)]
        return [row for part in services for row in kept_promises(part)] + answered(questions)


def beside_the_last(trees: Trees, one: Part, other: Part) -> list[Question]:
    """One as it is today, the other as it was last released."""
    if other.last is None:
        return []
    now, then = trees.today(one), trees.at(other, other.last)
    return [*between(now, then), *between(then, now)]


def kept_promises(part: Part) -> Iterator[Row]:
    """Full transitive: against every release of this major version, not only the last."""
    for version in (each for each in part.released if part.last and each.major == part.version.major):
        if not (promised := part.promises(version)):
            continue  # it only needs something of others
        found = breaks(promised, part.promises())
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
