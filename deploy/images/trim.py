"""Takes out of an image's environment what is installed and never runs: `python trim.py /srv/env`.

Tests and test tools of libraries, type stubs, SQLAlchemy's dialects of databases that we do not know, Faker's
words in other languages. tests/system/compose starts everything afterwards.
"""

import shutil
import sys
from pathlib import Path

TESTS = {"tests", "testing", "test"}
DIALECTS = {"mysql", "mssql", "oracle"}
LANGUAGES = {"en", "en_US", "la"}  # the last is lorem ipsum


def unused(packages: Path) -> set[Path]:
    """Files and folders below a folder of packages."""
    found = {path for path in packages.rglob("*") if path.is_dir() and path.name in TESTS}
    found |= set(packages.rglob("*.pyi"))
    found |= {packages / "sqlalchemy" / "dialects" / name for name in DIALECTS}
    for path in packages.glob("faker/providers/**/*_*"):
        if path.is_dir() and path.name not in LANGUAGES and path.name != "__pycache__":
            found.add(path)
    return {path for path in found if path.exists()}


if __name__ == "__main__":
    for packages in Path(sys.argv[1]).glob("lib/python3*/site-packages"):
        for path in unused(packages):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
