"""Types hold everywhere, as `make lint` says; and the check is known to see what is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("types")  # they share mypy's notes of what it has read


def checked(*words: str) -> subprocess.CompletedProcess[str]:
    folders = os.pathsep.join(map(str, sorted((ROOT / "services").iterdir())))
    command = [sys.executable, "-m", "mypy", *words]
    untraced = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    environment = untraced | {"MYPYPATH": folders}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_types_hold():
    done = checked()
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("from chassis.events import Event\nEvent.parse('text')", '"str"; expected "bytes"'),
        ("from posts import queries\nqueries.post('1')", '"str"; expected "int"'),
        ("from flasky_client import Flasky\nFlasky('http://blog').post(1)['text']", 'has no key "text"'),
        ("from flasky_client import Flasky\nFlasky('http://blog').edit_me(nmae='Ann')", 'argument "nmae"'),
    ],
)
def test_a_wrong_type_is_seen(code, said, tmp_path):
    (tmp_path / "wrong.py").write_text(f"{code}\n")
    done = checked(str(tmp_path / "wrong.py"))
    assert done.returncode == 1
    assert said in done.stdout
