"""Writes what runs into an overlay: `python -m deploy.k8s.pin RELEASE auth=sha256:… posts=sha256:… …`.

The digests are those that `docker push` printed. RELEASE is noted behind each, for `make can-i-deploy`, and
becomes part of the names of the release's jobs.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

FILES = ("overlays/production", "overlays/production/release", "overlays/scale")
HERE = Path(__file__).parent
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
RELEASE = re.compile(r"[0-9a-z]+([.-][0-9a-z]+)*")  # as it may stand in the name of a job


def pinned(text: str, release: str, digests: dict[str, str]) -> str:
    """The kustomization with these digests for tags, and the suffix of its jobs."""
    for service in digests:
        backup = f"{service}-backup"  # it reads the same schema, with the service's own code
        if f"{{name: flasky-{backup}," in text and backup not in digests:
            raise SystemExit(
                f"{service} has an image of backups too: give {backup}=sha256:… of the same release."
            )
    for service, digest in digests.items():
        image = rf"(\{{name: flasky-{service}, newName: [^,]+), (?:newTag|digest): [^}}]+\}}"
        line = re.compile(rf"{image}( +# \S+)?")
        text, found = line.subn(rf"\1, digest: {digest}}}  # {release}", text)
        if not found:
            raise SystemExit(f"There is no image flasky-{service}.")
    return re.sub(r"^nameSuffix: .*$", f"nameSuffix: -{release.replace('.', '-')}", text, flags=re.M)


def asked_for(release: str, given: Sequence[str]) -> dict[str, str]:
    """The digest of each service that is named; ends with one line that says what is wrong with them."""
    if not RELEASE.fullmatch(release) or not given:
        raise SystemExit('make pin: say RELEASE=1.0.1 DIGESTS="web=sha256:… gateway=sha256:…"')
    digests = {service: digest for service, _, digest in (pair.partition("=") for pair in given)}
    if wrong := [pair for pair in given if not DIGEST.fullmatch(pair.partition("=")[2])]:
        raise SystemExit(f"make pin: {wrong[0]} is not NAME=sha256:… with 64 digits from 0 to f")
    return digests


def main(release: str = "", *given: str) -> None:
    """Writes all files, or none."""
    digests = asked_for(release, given)
    files = [HERE / folder / "kustomization.yaml" for folder in FILES]
    for file, text in [(file, pinned(file.read_text(), release, digests)) for file in files]:
        file.write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
