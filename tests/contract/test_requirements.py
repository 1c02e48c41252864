"""What is pinned can be installed by whoever has the oldest Python that the README asks for."""

import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

OLDEST = "3.11.2"  # Debian 12's
CHECKS = Path(__file__).parents[2] / ".checks/bin/python"  # one service's tests do without
PATHS = "import sys; print(*sys.path, sep='\\n')"


@pytest.mark.parametrize("python", [sys.executable, *([CHECKS] if CHECKS.exists() else [])])
def test_everything_installed_runs_on_the_oldest_python(python):
    paths = subprocess.run([python, "-c", PATHS], capture_output=True, text=True, check=True).stdout.split()
    wanting = {each.metadata["Name"]: each.metadata["Requires-Python"] for each in distributions(path=paths)}
    assert len(wanting) > 20
    too_new = {name: want for name, want in wanting.items() if not SpecifierSet(want or "").contains(OLDEST)}
    assert too_new == {}, "pin an older one in requirements/*.in"
