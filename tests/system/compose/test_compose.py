"""docker-compose.yml for real: built, brought up, used, broken, upgraded, in this order."""

import os
import re
import signal
import subprocess
import time
import uuid
from datetime import datetime

import pytest
import requests

from chassis.testing.polling import eventually

from .engine import ROOT, SERVICES, STATEFUL

WORKERS = tuple(f"{name}-worker" for name in STATEFUL)
ONE_SHOTS = tuple(f"{name}-prepare" for name in STATEFUL)
PARTS = ("postgres", "rabbitmq", "redis")
RUNNING = {*SERVICES, *WORKERS, *PARTS, "mail"}
LINGERS = 120
START_LIMIT = 10  # seconds; the aim is 2 on a machine that does nothing else


def settled(question):
    return eventually(question, within=LINGERS, every=0.2)


def arrived(town, name):
    """Somebody who has come in; who is refused while services start comes again, as people do."""

    def member():
        try:
            return town.member(name)
        except (AssertionError, requests.RequestException):
            return None

    return eventually(member, within=LINGERS, every=1)


@pytest.fixture(scope="session")
def writer(town):
    return arrived(town, "ann")


@pytest.fixture(scope="session")
def reader(town, writer):
    """Somebody who follows the writer."""
    reading = arrived(town, "bob")
    settled(lambda: reading.put(f"/users/{writer.id}/follow").status_code in (200, 201))
    return reading


def test_from_up_to_the_first_post(site, town, writer):
    made = settled(lambda: writer.post("/posts/", body="the *first*").status_code == 201)
    print(f"\nfrom `up` to the first post, with registration and mail: {time.monotonic() - site.begun:.1f} s")
    assert made
    assert writer.timeline()[0]["body_html"] == "<p>the <em>first</em></p>"


def test_every_process_is_up_and_healthy_and_what_prepares_has_ended_well(site):
    settled(lambda: all(site.healthy(name) for name in RUNNING))
    found = site.containers()
    assert set(found) == RUNNING | set(ONE_SHOTS)
    assert {found[name]["State"]["ExitCode"] for name in ONE_SHOTS} == {0}


def test_people_follow_comment_and_moderate(town, writer, reader):
    post = writer.post("/posts/", body="for *bob*").json()
    settled(lambda: reader.timeline()[0]["id"] == post["id"])
    assert reader.post(f"/posts/{post['id']}/comments/", body="thanks").status_code == 201
    settled(lambda: writer.timeline()[0]["comment_count"] == 1)
    root = town.administrator()
    assert root.patch(f"/users/{reader.id}", role="Moderator").json()["role"]["name"] == "Moderator"
    comment = reader.get(f"/posts/{post['id']}/comments/").json()["comments"][0]
    assert settled(lambda: reader.put(f"/comments/{comment['id']}/disabled").status_code == 200)


def test_nobody_runs_as_root(site):
    for name, container in site.containers().items():
        if name in RUNNING:
            listed = subprocess.run(
                ["docker", "top", container["Id"], "-eo", "pid,uid,args"],
                capture_output=True,
                text=True,
                check=True,
            )
            owners = {int(line.split()[1]) for line in listed.stdout.splitlines()[1:]}
            assert 0 not in owners, f"{name}: {listed.stdout}"
            assert name in PARTS or min(owners) > 10_000


def test_gunicorn_is_process_one(site):
    for name in SERVICES:
        first = site.inside(name, "cat", "/proc/1/cmdline").stdout.split("\0")
        assert "gunicorn" in " ".join(first[:3])


def test_nothing_can_be_written_but_where_it_must(site):
    for name, container in site.containers().items():
        assert container["HostConfig"]["ReadonlyRootfs"], name
    for name in (*SERVICES, *WORKERS):
        assert site.inside(name, "sh", "-c", "echo > /srv/x").returncode != 0
        assert site.inside(name, "sh", "-c", "echo > /tmp/x && rm /tmp/x").returncode == 0


def test_no_secret_is_to_be_seen_in_a_container_or_an_image(site):
    secrets = [path.read_text() for path in (site.folder / "secrets").iterdir() if path.stat().st_size == 64]
    assert len(secrets) >= 12
    shown = [str(container) for container in site.containers().values()]
    tags = [f"flasky-{name}:tested" for name in (*SERVICES, "mail")]
    shown += [
        subprocess.run(
            ["docker", "history", "--no-trunc", tag], capture_output=True, text=True, check=True
        ).stdout
        for tag in tags
    ]
    assert not [secret for secret in secrets for text in shown if secret in text]
    files = site.inside("web", "ls", "/run/secrets").stdout.split()
    assert files == ["internal_secret", "mail_password", "web_secret_key"]


def test_only_the_gateway_and_the_mails_page_are_published(site):
    published = {
        name: [f"{at['HostIp']}:{at['HostPort']}->{port}" for port, ats in ports.items() for at in ats or []]
        for name, container in site.containers().items()
        if any((ports := container["NetworkSettings"]["Ports"]).values())
    }
    address, mails = (url.removeprefix("http://") for url in (site.url, site.mails))
    assert published == {"gateway": [f"{address}->8000/tcp"], "mail": [f"{mails}->8025/tcp"]}


def reaches(site, name, host, port):
    script = f"import socket; socket.create_connection(({host!r}, {port}), 3)"
    return site.inside(name, "python", "-c", script).returncode == 0


def test_nobody_reaches_more_than_they_need(site):
    assert reaches(site, "posts", "postgres", 5432)
    assert reaches(site, "gateway", "redis", 6379)
    assert reaches(site, "web", "posts", 8000)
    assert reaches(site, "posts", "mail", 1025)  # for its own errors
    for name, host, port in (
        ("web", "postgres", 5432),
        ("web", "rabbitmq", 5672),
        ("gateway", "postgres", 5432),
        ("posts", "redis", 6379),
    ):
        assert not reaches(site, name, host, port), f"{name} reaches {host}"


def sql(site, role, database):
    password = (site.folder / "secrets" / f"{role}_database_password").read_text()
    query = ["psql", "-h", "127.0.0.1", "-U", role, "-d", database, "-Atc", "SELECT count(*) FROM outbox"]
    return site.inside("postgres", "env", f"PGPASSWORD={password}", *query)


def test_a_role_reads_its_own_database_and_no_other(site):
    for role in STATEFUL:
        assert sql(site, role, role).returncode == 0, sql(site, role, role).stderr
        for other in {*STATEFUL, "postgres", "template1"} - {role}:
            assert "permission denied for database" in sql(site, role, other).stderr


def test_roles_can_be_made_again_without_harm(site):
    again = site.inside("postgres", "/docker-entrypoint-initdb.d/roles.sh")
    assert again.returncode == 0, again.stderr
    assert sql(site, "posts", "posts").returncode == 0


def ready(container):
    """Whether its process says so, on the port of the HEALTHCHECK."""
    [network, *_] = container["NetworkSettings"]["Networks"].values()
    given = dict(pair.split("=", 1) for pair in container["Config"]["Env"])
    try:
        url = f"http://{network['IPAddress']}:{given.get('OPS_PORT') or given['PORT']}/readyz"
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_ready_soon_after_its_start(site, name):
    subprocess.run(["docker", "restart", site.container(name)["Id"]], check=True, capture_output=True)
    again = site.container(name)
    eventually(lambda: ready(again), within=START_LIMIT, every=0.02)
    seconds = time.time() - datetime.fromisoformat(again["State"]["StartedAt"]).timestamp()
    print(f"\nflasky-{name}: ready at most {seconds:.1f} s after its container's start")


def kill(site, name):
    """As a crash does it: the engine did not ask for it, and so brings the container back."""
    os.kill(site.container(name)["State"]["Pid"], signal.SIGKILL)


def test_killed_one_after_another_all_come_back_and_nothing_is_lost(site, town, writer, reader):
    told = {}
    for name in sorted(RUNNING - {"mail"}):
        before = site.container(name)["RestartCount"]
        kill(site, name)
        body = f"while {name} was away"
        told[town.surely(writer, body, uuid.uuid4().hex)] = body
        settled(lambda name=name, before=before: site.container(name)["RestartCount"] > before)
    settled(lambda: all(site.healthy(name) for name in RUNNING))

    def kept(person, path):
        answer = person.get(path)
        return answer.status_code == 200 and {post["id"]: post["body"] for post in answer.json()["posts"]}

    settled(lambda: kept(writer, f"/users/{writer.id}/posts/").items() >= told.items())
    settled(lambda: kept(reader, f"/users/{reader.id}/timeline/").items() >= told.items())
    bodies = [post["body"] for post in writer.get(f"/users/{writer.id}/posts/").json()["posts"]]
    assert all(bodies.count(body) == 1 for body in told.values())


RUNBOOK = (ROOT / "docs/runbooks/backup-and-restore.md").read_text()
BACKUP, *RESTORE = next(
    block.splitlines() for block in re.findall(r"```sh\n(.*?)```", RUNBOOK, re.S) if "STACK=compose" in block
)


def test_a_backup_is_made_while_it_serves_and_put_back(site, town, writer):
    """docs/runbooks/backup-and-restore.md, command by command."""
    kept = town.surely(writer, "before the backup", uuid.uuid4().hex)
    site.typed(BACKUP)
    lost = town.surely(writer, "after the backup", uuid.uuid4().hex)
    for line in RESTORE:
        site.typed(line)
    settled(lambda: site.answers() and signs_in(writer))
    assert writer.get(f"/posts/{kept}").json()["body"] == "before the backup"
    assert writer.get(f"/posts/{lost}").status_code == 404
    settled(lambda: writer.timeline()[0]["id"] == kept)


def signs_in(person):
    """Whoever was signed in before a restore has to do so again."""
    try:
        return bool(person.sign_in())
    except (AssertionError, requests.RequestException):
        return False


def image(site, name):
    return site.container(name)["Config"]["Image"]


def test_one_service_is_upgraded_and_taken_back_while_the_others_go_on(site, town, writer):
    """docs/runbooks/upgrade-one-service.md, command by command."""
    others = {name: one["Id"] for name, one in site.containers().items() if not name.startswith("posts")}
    site.make("images", "IMAGES=posts posts-backup", "VERSION=newer")
    for version in ("newer", "tested"):
        chosen = {"POSTS_VERSION": version}
        site.compose("run", "--rm", "posts-prepare", **chosen)
        began = time.monotonic()
        site.compose("up", "--detach", "--no-deps", "posts", "posts-worker", **chosen)
        town.surely(writer, f"by {version}", uuid.uuid4().hex)
        print(f"\nposts replaced by {version}, a post published after {time.monotonic() - began:.1f} s")
        assert (image(site, "posts"), image(site, "posts-worker")) == (f"flasky-posts:{version}",) * 2
    now = {name: one["Id"] for name, one in site.containers().items() if not name.startswith("posts")}
    assert now == others


def test_down_and_up_again_keeps_everything(site, town, writer):
    body = "before the night"
    kept = town.surely(writer, body, uuid.uuid4().hex)
    site.compose("down")
    assert site.containers() == {}
    began = time.monotonic()
    site.compose("up", "--detach")
    settled(lambda: site.answers() and writer.get(f"/posts/{kept}").status_code == 200)
    print(f"\nup again in {time.monotonic() - began:.1f} s")
    assert writer.get(f"/posts/{kept}").json()["body"] == body
