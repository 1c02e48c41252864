"""Installs the Debian packages of the servers that the tests start, if they are missing and we may."""

import os
import shutil
import subprocess
import sys

from chassis.testing.parts import PartMissing, Postgres, RabbitMQ, Server


def main() -> str | None:
    missing = [part.package for part in (Postgres, RabbitMQ) if not installed(part)]
    if not missing:
        return None
    advice = f"Tests need {' and '.join(missing)}: apt-get install {' '.join(missing)}"
    root = rights()
    if root is None:
        return f"{advice}\n(or leave the real stack out: make test ARGS=--stack=embedded)"
    print(f"Installing {' and '.join(missing)} …", flush=True)
    return None if install(root, missing) else f"{advice}\n(apt-get could not)"


def installed(part: type[Server]) -> bool:
    try:
        part.require()
    except PartMissing:
        return False
    return True


def rights() -> list[str] | None:
    """How to run apt-get here, or None if we may not."""
    if shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "-n"]
    may = shutil.which("sudo") and subprocess.run([*sudo, "true"], capture_output=True).returncode == 0
    return sudo if may else None


def install(root: list[str], packages: list[str]) -> bool:
    """Debian starts servers it installs unless told otherwise; the tests want their own only."""
    quietly = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]
    apt = [*root, *quietly, "apt-get"]
    if subprocess.run([*apt, "update", "-qq"]).returncode:
        return False
    wanted = ["install", "-y", "-qq", "--no-install-recommends", *packages]
    return subprocess.run([*apt, *wanted], stdout=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
