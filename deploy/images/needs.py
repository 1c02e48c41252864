"""Prints what an image must install for a service: `python needs.py services/NAME/pyproject.toml`.

That is what the service's pyproject.toml names, and what the chassis needs, with the extras that the service
asks for. Which versions: the build constrains them to requirements/run.txt, with which everything was tested.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

CHASSIS = "chassis"


def needs(service: Path, chassis: Path) -> Iterator[str]:
    base = tomllib.loads(chassis.read_text())["project"]
    yield from base["dependencies"]
    for needed in tomllib.loads(service.read_text())["project"]["dependencies"]:
        if re.match(r"[\w.-]+", needed)[0] != CHASSIS:  # type: ignore[index]
            yield needed
            continue
        for extra in re.findall(r"\w+", "".join(re.findall(r"\[(.*?)\]", needed))):
            yield from base["optional-dependencies"][extra]


if __name__ == "__main__":
    named = Path(sys.argv[1])
    print("\n".join(needs(named, named.parents[2] / CHASSIS / "pyproject.toml")))
