"""docker-compose.yml, read."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
FILE = yaml.safe_load(TEXT)
PARTS = FILE["services"]
OURS = {name: part for name, part in PARTS.items() if part["image"].startswith("flasky-")}
SERVING = {f"{name}{kind}" for name in ("auth", "posts", "social") for kind in ("", "-worker")} | {
    "web",
    "gateway",
}
