"""`.ci/run` tests everything, unless it is asked for what has changed."""

import os
import subprocess

import pytest

from deploy.release.changed import changed
from deploy.release.parts import ROOT, Refused, git

pytestmark = pytest.mark.xdist_group("release")
POSTS, SOCIAL = "services/posts/README.md", "services/social/README.md"


@pytest.mark.parametrize(
    ("paths", "named"),
    [
        ([], []),
        ([POSTS], ["posts"]),
        ([POSTS, SOCIAL], ["posts", "social"]),
        ([POSTS, "chassis/README.md"], []),
        (["tests/contract/README.md"], []),
    ],
)
def test_services_are_named_only_when_nothing_else_has_changed(repository, edit, paths, named):
    before = git("rev-parse", "HEAD", root=repository)
    for path in paths:
        edit(path, "#", "# ")
    assert changed(before, repository) == named


def test_an_unknown_commit_is_refused_in_a_sentence(repository):
    with pytest.raises(Refused, match=r"git diff: .*nowhere"):
        changed("nowhere", repository)


def ci(**environment):
    """What `.ci/run` would do (make -n)."""
    given = {name: value for name, value in os.environ.items() if name != "CI_CHANGED_SINCE"}
    return subprocess.run(
        [ROOT / ".ci/run"], env=given | environment | {"MAKEFLAGS": "n"}, capture_output=True, text=True
    )


def test_ci_runs_every_test():
    [line] = [line for line in ci().stdout.splitlines() if "-m pytest" in line]
    for fewer in ("--service", "--stack", "tests", " -k "):
        assert fewer not in line


def test_ci_asks_what_has_changed_only_if_it_is_told_since_when():
    said = ci(CI_CHANGED_SINCE="nowhere")
    assert said.returncode != 0
    assert "Not known what has changed: git diff" in said.stderr
