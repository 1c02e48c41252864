"""`make release SERVICE=posts BUMP=minor`: changelog, version, contract snapshot, commit, tag."""

import argparse
import sys
from datetime import UTC, datetime

from packaging.version import Version

from .contracts import breaks
from .parts import STATEFUL, Part, Refused, bumped, git, run_in


def release(part: Part, bump: str) -> Version:
    """Everything of a release that needs no thought. Raises `Refused`, and has changed nothing then."""
    if git("status", "--porcelain", root=part.root):
        raise Refused("there are changes that are not committed; commit or remove them first")
    version = bumped(part.version, bump) if part.last else part.version
    refuse_broken(part, bump)
    commit = git("rev-parse", "HEAD", root=part.root)
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    part.write_version(version)
    write_changelog(part, version, date)
    rewrite_contracts(part)
    part.take_snapshot(version, {"version": str(version), "commit": commit, "date": date})
    git("add", "--all", root=part.root)
    git("commit", "--quiet", "--message", f"{part.name} {version}", root=part.root)
    git("tag", "--annotate", "--message", f"{part.name} {version}", f"{part.name}-v{version}", root=part.root)
    return version


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
    body = "\n\n".join(section for section in sections if section) or "No change of its own."
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
    since = [f"{part.record(part.last)['commit']}..HEAD"] if part.last else []
    return git(
        "log", "--format=%s", "--no-merges", *since, "--", str(part.folder), root=part.root
    ).splitlines()


def rewrite_contracts(part: Part) -> None:
    """The API documents carry the version."""
    unused = {"DATABASE_URL": "sqlite:////tmp/unused.sqlite", "BUS_URL": "sqlite:////tmp/unused.sqlite"}
    own = [["flask", "--app", f"{part.name}.app", "openapi"]] if part.name in STATEFUL else []
    for words in (*own, ["gateway.openapi"]):
        done = run_in(part.root, "-m", *words, env=unused)
        if done.returncode:
            raise Refused(f"the contracts cannot be written: {done.stdout}{done.stderr}")


def main() -> None:
    words = argparse.ArgumentParser(prog="make release", description=__doc__)
    words.add_argument("service")
    words.add_argument("bump", help="major, minor or patch")
    given = words.parse_args()
    try:
        part = Part.named(given.service)
        version = release(part, given.bump)
    except Refused as reason:
        sys.exit(f"Not released: {reason}")
    print(f"{part.name} {version} is released: tag {part.name}-v{version}. Push it: git push --follow-tags")


if __name__ == "__main__":
    main()
