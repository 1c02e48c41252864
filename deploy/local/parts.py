"""Installs the Debian packages that tests need, if they are missing and we may: servers, programs, a browser.

`python -m deploy.local.parts` wants all of them, `… chromium-headless-shell` only the browser, `… wrk` what
bench/ loads the blog with, `… docker.io docker-compose debootstrap` what tests/system/compose runs on.
"""

import os
import shutil
import subprocess
import sys

from chassis.testing.parts import PartMissing, Postgres, RabbitMQ, Server
from chassis.testing.parts.pgbouncer import PgBouncer

SERVERS = {part.package: part for part in (Postgres, RabbitMQ, PgBouncer)}
BROWSER = "chromium-headless-shell"  # a third less CPU than the whole Chromium
BROWSERS = (BROWSER, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHECKS = ("kubernetes-client", "prometheus")  # of what other systems are given: manifests, rules of alarms
PROGRAMS = {
    "kubernetes-client": "kubectl",
    "prometheus": "promtool",
    "docker.io": "dockerd",
    "docker-compose": "docker-compose",
    "debootstrap": "debootstrap",
    "wrk": "wrk",
}
FONTS = ("fonts-dejavu-core", "fonts-noto-color-emoji")


def main(*wanted: str) -> str | None:
    missing = [part for part in wanted or (*SERVERS, *CHECKS, BROWSER) if not installed(part)]
    if not missing:
        return None
    extras = {BROWSER: FONTS, "docker.io": ("iptables",)}
    packages = [*missing, *(extra for package in missing for extra in extras.get(package, ()))]
    advice = f"Tests need {' and '.join(missing)}: apt-get install {' '.join(packages)}"
    root = rights()
    if root is None:
        return f"{advice}\n(or leave the real stack out: make test ARGS=--stack=embedded)"
    print(f"Installing {' and '.join(missing)} …", flush=True)
    return None if install(root, packages) else f"{advice}\n(apt-get could not)"


def installed(package: str) -> bool:
    if package == BROWSER:
        return browser() is not None
    if package in PROGRAMS:
        return shutil.which(PROGRAMS[package]) is not None
    part: type[Server] = SERVERS[package]
    try:
        part.require()
    except PartMissing:
        return False
    return True


def browser() -> str | None:
    """The program of an installed Chromium, whatever it is called."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


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
    sys.exit(main(*sys.argv[1:]))
