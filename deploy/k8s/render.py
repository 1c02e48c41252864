"""What an overlay comes to: `python -m deploy.k8s.render production` prints every manifest, the
jobs of the release included.

Any kubectl renders it, from 1.20 (Debian 12's) on; today's warn of words that those before do not know.
"""

import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
OVERLAYS = {
    "local": ("overlays/local", "overlays/local/release"),
    "production": ("overlays/production", "overlays/production/release"),
    "scale": ("overlays/scale", "overlays/production/release"),
}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Manifest = dict[str, Any]


def text(overlay: str) -> str:
    return "---\n".join(kustomized(HERE / folder) for folder in OVERLAYS[overlay])


def kustomized(folder: Path) -> str:
    made = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True)
    if made.returncode:
        raise SystemExit(made.stderr.strip())
    return made.stdout


@functools.cache
def manifests(overlay: str) -> list[Manifest]:
    return [manifest for manifest in yaml.load_all(text(overlay), LOADER) if manifest]  # habit: safe


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in OVERLAYS:
        sys.exit(f"Which overlay? {', '.join(OVERLAYS)}")
    sys.stdout.write(text(sys.argv[1]))
