"""`python -m deploy.checks`: every check of ours over every file of the repository that git knows."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from . import habits, migrations

ROOT = Path(__file__).resolve().parents[2]
TESTS = ("tests", "testing", "bench")


def tracked(pattern: str) -> Iterator[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", pattern]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    yield from (ROOT / name for name in listed.split("\0") if name and (ROOT / name).exists())


def product(path: Path) -> bool:
    """Tests break rules on purpose."""
    parts = path.relative_to(ROOT).parts
    return not (set(parts) & set(TESTS) or parts[0].startswith(".") or path.name == "conftest.py")


def found() -> Iterator[str]:
    for path in filter(product, tracked("*.py")):
        source, told = path.read_text(), path.relative_to(ROOT)
        check = migrations.findings if "versions" in path.parts else habits.findings
        yield from (f"{told}:{line}: {said}" for line, said in check(source))
    for pattern in ("*.html", "*.xml", "*.j2"):
        for path in filter(product, tracked(f"services/*/templates/{pattern}")):
            yield from (
                f"{path.relative_to(ROOT)}:{line}: {said}"
                for line, said in habits.template_findings(path.read_text())
            )


def main() -> int:
    wrong = list(found())
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
