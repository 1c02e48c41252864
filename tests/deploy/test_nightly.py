"""The nightly job of backups: its script as the cluster runs it, here on a folder and a database of ours."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from deploy.observability import build

from .world import world_of

ROOT = Path(__file__).parents[2]
RULES = [rule for group in yaml.safe_load(build.RULES.read_text())["groups"] for rule in group["rules"]]


class Night:
    """The volume of posts' backups, and its job."""

    def __init__(self, folder: Path) -> None:
        self.volume, bin_ = folder / "backups", folder / "bin"
        self.volume.mkdir()
        bin_.mkdir()
        (bin_ / "flask").write_text(f'#!/bin/sh\nexec {sys.executable} -m flask "$@"\n')
        (bin_ / "flask").chmod(0o755)
        self.environment = {
            "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "FLASK_APP": "posts.app",
            "FLASK_SKIP_DOTENV": "1",
            "DATABASE_URL": f"sqlite:///{folder}/posts.sqlite",
            "BUS_URL": f"sqlite:///{folder}/bus.sqlite",
        }
        self.run("flask", "prepare")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def passes(self) -> set[str]:
        """Runs the job; which backups there are afterwards."""
        job = world_of("production").named("CronJob", "posts-backup")
        assert job is not None
        [container] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        *shell, script = container["command"]
        self.run(*shell, script.replace("/backups", str(self.volume)))
        return {str(file.relative_to(self.volume)) for file in self.volume.rglob("*") if file.is_file()}

    def put(self, name: str, days: float = 0) -> str:
        """A file that somebody or a former night has left, so many days ago."""
        file = self.volume / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("kept")
        for each in (file, file.parent):
            os.utime(each, (then := (datetime.now(UTC) - timedelta(days=days)).timestamp(), then))
        return name


def folder(days: float) -> str:
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H%MZ}"


@pytest.fixture
def night(tmp_path):
    return Night(tmp_path)


def test_backups_of_two_weeks_stay_and_older_ones_go(night):
    kept = {night.put(f"{folder(days)}/posts.backup", days) for days in range(1, 14)}
    gone = {night.put(f"{folder(days)}/posts.backup", days) for days in (15, 16, 400)}
    there = night.passes()
    [made] = there - kept
    assert (night.volume / made).read_bytes().startswith(b"service backup 1\n")
    assert not gone & there


def test_the_newest_stay_however_old_they_are(night):
    """As after a long time without a good night: what is made now may be of what was lost."""
    old = [night.put(f"{folder(days)}/posts.backup", days) for days in range(30, 40)]
    there = night.passes()
    assert set(old) & there == set(old[:7])
    assert len(there) == 8


def test_what_has_another_name_is_not_the_jobs(night):
    others = {
        night.put("2024-01-01 before the move.sql", 400),
        night.put("keep/posts.backup", 400),
        night.put(f"{folder(400)}/notes.txt", 400),
        night.put("2024-01-01T0310Z/auth.backup", 400),
    }
    [night.put(f"{folder(days)}/posts.backup", days) for days in range(1, 9)]
    assert others <= night.passes()


def test_what_a_killed_try_has_left_goes_and_a_running_one_s_stays(night):
    left = night.put(f"{folder(3)}/.posts.backup.content", 3)
    running = night.put(f"{folder(0.01)}/.posts.backup.content")
    empty = night.volume / folder(20)
    empty.mkdir()
    os.utime(empty, (0, 0))
    there = night.passes()
    assert left not in there
    assert running in there
    assert not empty.exists()


def test_a_night_that_fails_takes_nothing_away_but_what_is_too_old(night):
    kept = {night.put(f"{folder(days)}/posts.backup", days) for days in (20, 30)}
    night.environment["DATABASE_URL"] = "sqlite:////proc/nowhere/posts.sqlite"
    with pytest.raises(AssertionError, match="posts"):
        night.passes()
    assert all((night.volume / name).exists() for name in kept)


def test_the_alarms_watch_every_nightly_job_and_wait_for_the_end_of_the_night():
    """A job may begin late and take its time, and that is no alarm yet."""
    [expression] = [rule["expr"] for rule in RULES if rule["alert"] == "BackupsStopped"]
    jobs = world_of("production").of("CronJob")
    [names] = set(re.findall(r'cronjob=~"(.+?)"', expression))
    [namespace] = set(re.findall(r'namespace="(.+?)"', expression))
    assert jobs
    for job in jobs:
        spec = job["spec"]
        latest = spec["startingDeadlineSeconds"] + spec["jobTemplate"]["spec"]["activeDeadlineSeconds"]
        assert re.fullmatch(names, job["metadata"]["name"])
        assert job["metadata"]["namespace"] == namespace
        assert set(re.findall(r"> (\d+)", expression)) == {str(24 * 3600 + latest)}
