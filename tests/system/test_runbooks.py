"""Day two: every command of the runbooks is run as it is written, here or by the test that is named here."""

import re
import subprocess
import sys
import uuid

import pytest
import sqlalchemy as sa

from chassis.bus import Message, open_bus
from chassis.testing.polling import eventually
from deploy.k8s import render
from deploy.local.stack import ROOT

RUNBOOKS = ROOT / "docs" / "runbooks"
HERE = {"administrators.md", "copy-wrong.md", "events-wait.md", "parked-events.md", "rolling-upgrade.md"}
ELSEWHERE = {
    "backup-and-restore.md": ("tests/system/test_backup.py", "tests/system/compose/test_compose.py"),
    "bus-lost.md": ("tests/system/faults/test_f03_f07_broker.py",),
    "keys.md": ("tests/system/faults/test_f19_keys.py",),
    "upgrade-one-service.md": ("tests/system/compose/test_compose.py",),
}
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.M | re.S)
INDENTED = re.compile(r"^(?: {4}| {7})(?! )(.+)", re.M)
INLINE = re.compile(r"`(kubectl [^`]+)`")
PROGRAMS = ("flask", "curl", "make", "docker", "docker-compose", "kubectl", "git", "head", "echo", "for")


def commands(name):
    """What a runbook tells to type: in blocks, in indented lines, and kubectl's within sentences."""
    text = (RUNBOOKS / name).read_text()
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    lines += [*INDENTED.findall(BLOCK.sub("", text)), *INLINE.findall(BLOCK.sub("", text))]
    return [line.split("  #")[0].strip() for line in lines if line.split() and line.split()[0] in PROGRAMS]


ALL = {path.name: commands(path.name) for path in sorted(RUNBOOKS.glob("*.md"))}


def test_no_runbook_has_a_command_that_no_test_runs():
    typed = {name for name, lines in ALL.items() if [line for line in lines if line.split()[0] != "kubectl"]}
    assert typed == HERE | ELSEWHERE.keys()
    for name, tests in ELSEWHERE.items():
        assert all(name in (ROOT / test).read_text() for test in tests), name


def labels_in(part):
    """Every label that anything has, or that a pod will have."""
    if isinstance(part, dict):
        yield from part.get("labels", {}).items() if isinstance(part.get("labels"), dict) else ()
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from labels_in(each)


@pytest.mark.parametrize("line", [line for lines in ALL.values() for line in lines if line[:7] == "kubectl"])
def test_what_is_typed_for_kubernetes_names_what_is_there(line):
    """There is no cluster here: what a command names must be in the rendered manifests."""
    there = render.manifests("production")
    names = {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in there}
    labels = set(labels_in(there))
    # What the operator of RabbitMQ calls the pods of a cluster.
    brokers = [each["metadata"]["name"] for each in there if each["kind"] == "RabbitmqCluster"]
    labels |= {("app.kubernetes.io/name", name) for name in brokers}
    assert set(re.findall(r"\b(?:deployment|cronjob)/[\w-]+", line)) <= names
    assert all((ROOT / folder / "kustomization.yaml").exists() for folder in re.findall(r"-k (\S+)", line))
    chosen = re.findall(r"-l '?([\w./-]+)!?=([\w.-]+)", line)
    assert set(chosen) <= labels
    assert {"flasky"} >= set(re.findall(r"-n (\S+)", line))


@pytest.fixture
def typed(blog):
    """Runs a line of a runbook with other names in it, as somebody with that service's settings does."""

    def run(line, *, ends=0, **other):
        for word, value in ({"make ": f"make PY={sys.executable} "} | other).items():
            line = line.replace(word, value)
        service = found[1] if (found := re.search(r"--app (\w+)\.app", line)) else "social"
        given = blog.stack.environment("web") | blog.stack.environment(service)
        done = subprocess.run(
            ["bash", "-ec", line], env=given, cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == ends, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    return run


@pytest.fixture
def run_all(typed):
    """Those commands of a runbook that are not for Kubernetes, each once; gives what they said."""

    def run(name, ends=None, before=None, **other):
        said = {}
        for line in [line for line in ALL[name] if not line.startswith("kubectl")]:
            if before:
                eventually(before)
            said[line] = typed(line, ends=(ends or {}).get(line, 0), **other)
        return said

    return run


def test_an_administrator_is_added(blog, run_all):
    ann = blog.member("ann")
    run_all("administrators.md", **{"ann@example.com": ann.email})
    eventually(lambda: ann.get("/users/me").json()["role"]["name"] == "Administrator")


def social(blog):
    return sa.create_engine(blog.stack.environment("social")["DATABASE_URL"], poolclass=sa.NullPool)


def parked(blog):
    with social(blog).connect() as connection:
        return connection.scalar(sa.text("SELECT max(id) FROM parked WHERE next_try_at IS NULL"))


def test_parked_events_are_looked_at_tried_again_and_given_up(blog, run_all):
    bad = Message(str(uuid.uuid4()), "posts.post_published.v1", b"not JSON")
    open_bus(blog.stack.environment("social")["BUS_URL"]).send("social", [bad])
    number = str(eventually(lambda: parked(blog), within=60))
    again = "flask --app social.app dead retry --all"
    said = run_all("parked-events.md", {again: 1}, lambda: parked(blog), **{"drop 7": f"drop {number}"})
    assert "not JSON" in said["flask --app social.app dead list"]
    assert f"{number}\t" in said[again]
    assert not parked(blog)


@pytest.mark.parametrize("name", ["events-wait.md", "rolling-upgrade.md"])
def test_what_else_is_typed_works(run_all, name):
    assert all(run_all(name).values())


def test_a_copy_that_was_lost_is_rebuilt(blog, run_all):
    ann = blog.member("ann")
    kept = {ann.post("/posts/", body=f"number {number}").json()["id"] for number in range(3)}
    eventually(lambda: {post["id"] for post in ann.timeline()} == kept)
    with social(blog).begin() as connection:
        connection.execute(sa.text("DELETE FROM cards"))
    said = run_all("copy-wrong.md")
    assert {post["id"] for post in ann.timeline()} == kept
    assert all("cards" in told for told in said.values())
