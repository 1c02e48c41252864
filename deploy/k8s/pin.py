"""Writes what runs into an overlay: `python -m deploy.k8s.pin RELEASE auth=sha256:… posts=sha256:… …`.

The digests are those that `docker push` printed. RELEASE is noted behind each, for `make can-i-deploy`, and
becomes part of the names of the release's jobs.
"""

import re
import sys
from pathlib import Path

FILES = ("overlays/production", "overlays/production/release", "overlays/scale")
HERE = Path(__file__).parent
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


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


def main(release: str, *given: str) -> None:
    digests = dict(pair.split("=", 1) for pair in given)
    if not digests or not all(map(DIGEST.fullmatch, digests.values())):
        raise SystemExit(__doc__)
    for file in (HERE / folder / "kustomization.yaml" for folder in FILES):
        file.write_text(pinned(file.read_text(), release, digests))


if __name__ == "__main__":
    main(*sys.argv[1:] or [""])
