"""`make can-i-deploy SERVICE=posts VERSION=1.2.0 ENV=production`: yes or no, with the reason.

What an environment runs is written in its overlay (`deploy/k8s/overlays/<env>/kustomization.yaml`): a tag,
or a digest with the version behind it. The version asked about is put beside each of them, both ways, as
`make compat` does with today's code.
"""

import argparse
import re
import sys
from pathlib import Path

from packaging.version import Version

from ..local.stack import ROOT
from .compat import Row, Trees, answered, between, table, temporary
from .parts import Part, Refused, version_of

OVERLAYS = "deploy/k8s/overlays"
IMAGE = re.compile(
    r"\{name: flasky-(?P<name>\w+), [^}]*?(?:newTag: (?P<tag>[^}\s]+)\}|digest: [^}]+\}\s+# (?P<pinned>\S+))"
)


def running(environment: str, root: Path = ROOT) -> dict[str, Version]:
    """The version of each service that an environment runs, by its overlay."""
    file = root / OVERLAYS / environment / "kustomization.yaml"
    if not file.exists():
        known = ", ".join(sorted(path.parent.name for path in (root / OVERLAYS).glob("*/kustomization.yaml")))
        raise Refused(f"there is no environment {environment!r} (there are: {known})")
    images = list(IMAGE.finditer(file.read_text()))
    found = {image["name"]: version_of(image["tag"] or image["pinned"]) for image in images}
    if not found:
        raise Refused(f"{file.relative_to(root)} names no image with its version")
    return found


def beside_what_runs(part: Part, version: Version, environment: str) -> list[Row]:
    """The promises between this version and each other service as it runs there."""
    there = running(environment, part.root)
    with temporary() as folder:
        trees = Trees(folder, part.root)
        new = trees.at(part, version)
        there.pop(part.name, None)
        others = [trees.at(Part.named(name, part.root), runs) for name, runs in there.items()]
        pairs = [pair for other in others for pair in ((new, other), (other, new))]
        return answered(question for pair in pairs for question in between(*pair))


def main() -> None:
    words = argparse.ArgumentParser(prog="make can-i-deploy", description=__doc__)
    words.add_argument("service")
    words.add_argument("version")
    words.add_argument("environment")
    given = words.parse_args()
    try:
        part = Part.named(given.service)
        rows = beside_what_runs(part, version_of(given.version), given.environment)
    except Refused as reason:
        sys.exit(f"Not known: {reason}")
    print(table(rows))
    asked = f"{given.service} {given.version} in {given.environment}"
    if broken := [row for row in rows if not row.kept]:
        because = "\n".join(f"\n{row.provider} → {row.consumer}, {row.what}:\n{row.told}" for row in broken)
        sys.exit(f"No: {asked} would break a promise.{because}")
    print(f"Yes: {asked} keeps every promise.")


if __name__ == "__main__":
    main()
