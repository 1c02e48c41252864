"""`make release SERVICE=posts BUMP=minor`: changelog, version, contract snapshot, commit, tag.

Several go out together as one commit with a tag each: `SERVICE="posts social"`.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from packaging.version import Version

from ..local.stack import ROOT
from .contracts import breaks
from .parts import Part, Refused, bumped, git, run_in


def release(parts: Sequence[Part], bump: str) -> list[Version]:
    """Everything of a release that needs no thought. Raises `Refused`, and has changed nothing then."""
    root = parts[0].root if parts else ROOT
    refuse_unfit(parts, bump)
    versions = [bumped(part.version, bump) if part.last else part.version for part in parts]
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    for part, version in zip(parts, versions, strict=True):
        part.write_version(version)
        write_changelog(part, version, date)
    rewrite_contracts(parts)
    for part, version in zip(parts, versions, strict=True):
        part.take_snapshot(version, date)
    git("add", "--all", root=root)
    git("commit", "--quiet", "--message", told(parts, versions), root=root)
    for part, version in zip(parts, versions, strict=True):
        git("tag", "--annotate", "--message", told([part], [version]), part.tag(version), root=root)
    return versions


def told(parts: Sequence[Part], versions: Sequence[Version]) -> str:
    """posts 1.2.0, social 1.1.0"""
    return ", ".join(f"{part.name} {version}" for part, version in zip(parts, versions, strict=True))


def refuse_unfit(parts: Sequence[Part], bump: str) -> None:
    if not parts:
        raise Refused('say which: SERVICE=posts, or SERVICE="posts social"')
    if git("status", "--porcelain", root=parts[0].root):
        raise Refused("there are changes that are not committed; commit or remove them first")
    for part in parts:
        bumped(part.version, bump)
        refuse_broken(part, bump)


def refuse_broken(part: Part, bump: str) -> None:
    """Against every release of the same major version: whoever was promised something still has it."""
    if bump == "major" or part.last is None:
        return
    found = {
        sentence: version
        for version in part.released
        if version.major == part.last.major
        for sentence in breaks(part.promises(version), part.promises())
    }
    if found:
        told = "\n".join(f"  {sentence} (promised by {version})" for sentence, version in found.items())
        raise Refused(f"this is no {bump} release of {part.name}; BUMP=major, or keep the promise:\n{told}")


def write_changelog(part: Part, version: Version, date: str) -> None:
    """What was written under "Unreleased", and the subjects of the commits since the last release."""
    title, _, rest = (
        part.changelog.read_text() if part.changelog.exists() else f"# Changes of {part.name}\n"
    ).partition("\n")
    by_hand, earlier = split_unreleased(rest)
    commits = [f"- {subject}" for subject in subjects(part)]
    sections = [by_hand, "Commits:\n\n" + "\n".join(commits) if commits else ""]
    nothing = "No change of its own." if part.last else "The first release."
    body = "\n\n".join(section for section in sections if section) or nothing
    text = f"{title}\n\n## {version} – {date}\n\n{body}\n"
    part.changelog.write_text(text + (f"\n{earlier}\n" if earlier else ""))


def split_unreleased(rest: str) -> tuple[str, str]:
    head, mark, earlier = rest.partition("\n## ")
    if mark and earlier.startswith("Unreleased"):
        by_hand, mark, earlier = earlier.removeprefix("Unreleased").partition("\n## ")
        return by_hand.strip(), f"{mark.strip()} {earlier}".strip() if mark else ""
    return head.strip(), f"## {earlier}".strip() if mark else ""


def subjects(part: Part) -> list[str]:
    """Subjects of the commits that touched it since its last release, newest first."""
    if part.last is None:
        return []
    since = f"{part.commit(part.last)}..HEAD"
    return git(
        "log", "--format=%s", "--no-merges", since, "--", str(part.folder), root=part.root
    ).splitlines()


def rewrite_contracts(parts: Sequence[Part]) -> None:
    """The API documents carry the version."""
    unused = {"DATABASE_URL": "sqlite:////tmp/unused.sqlite", "BUS_URL": "sqlite:////tmp/unused.sqlite"}
    own = [["flask", "--app", f"{part.name}.app", "openapi"] for part in parts if part.has_contract]
    for words in (*own, ["gateway.openapi"]):
        done = run_in(parts[0].root, "-m", *words, env=unused)
        if done.returncode:
            git("reset", "--hard", "--quiet", root=parts[0].root)  # nothing else lay about, as was checked
            git("clean", "-fdq", root=parts[0].root)
            raise Refused(f"the contracts cannot be written: {done.stdout}{done.stderr}")


def main() -> None:
    words = argparse.ArgumentParser(prog="make release", description=__doc__)
    words.add_argument("services", help="one or several, with spaces between")
    words.add_argument("bump", help="major, minor or patch")
    given = words.parse_args()
    try:
        parts = [Part.named(name) for name in given.services.split()]
        versions = release(parts, given.bump)
    except Refused as reason:
        sys.exit(f"Not released: {reason}")
    print(f"Released: {told(parts, versions)}. Push it with its tags: git push --follow-tags")


if __name__ == "__main__":
    main()
