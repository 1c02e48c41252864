"""`make test-changed SINCE=main`: which services' tests a change needs; none named means all tests.

A service's own tests, the agreements that name it and the rules of the house are enough only if nothing but
services has changed: whatever else there is, several of them stand on it.
"""

import sys
from pathlib import Path

from ..local.stack import ROOT
from .parts import Part, Refused, git


def changed(since: str, root: Path = ROOT) -> list[str]:
    """Names of services, or nothing. Raises `Refused` when there is no such commit here."""
    if not since:
        raise Refused("say since when: SINCE=main, or CI_CHANGED_SINCE=main")
    paths = git("diff", "--name-only", "--no-renames", f"{since}...HEAD", root=root).splitlines()
    owners = {part.name for part in Part.services(root) for path in paths if owns(part, path)}
    whole = all(any(owns(part, path) for part in Part.services(root)) for path in paths)
    return sorted(owners) if whole else []


def owns(part: Part, path: str) -> bool:
    return path.startswith(f"services/{part.name}/")


if __name__ == "__main__":
    try:
        print(*changed(sys.argv[1]))
    except Refused as reason:
        sys.exit(f"Not known what has changed: {reason}")
