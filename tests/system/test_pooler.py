"""PgBouncer and read replicas are settings: the blog works with them, and sends them what it says."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from chassis.testing.parts import Databases, Postgres, part_folder
from chassis.testing.parts.pgbouncer import PgBouncer
from chassis.testing.parts.standby import Standby
from chassis.testing.polling import eventually
from deploy.local.stack import SERVICES, Stack

from .blogs import ENVIRONMENT, free_block, surroundings
from .people import Blog
from .rig.proxy import Proxy

pytestmark = pytest.mark.only_real


@contextmanager
def started(server):
    """A server that is gone afterwards, with what it has written."""
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(server.folder, ignore_errors=True)


@contextmanager
def pooling(address):
    """A pooler before the server at `address`."""
    with started(PgBouncer(part_folder(), address)) as pooler:
        yield pooler


def by_database(pooler, running):
    """How many transactions of each service went through the pooler."""
    through, urls = pooler.transactions(), (running.environment(name)["DATABASE_URL"] for name in SERVICES)
    return [through[urlsplit(url).path[1:]] for url in urls]


@pytest.fixture
def primary():
    with started(Postgres(part_folder())) as server:
        yield server


@pytest.fixture
def standby(primary):
    """What follows the primary, by a way that shows what it is asked."""
    with started(Standby(part_folder(), primary)) as server, Proxy(server.port) as proxy:
        yield proxy


def people_use_it(blog):
    """Many at once, so that a connection of the pooler's serves one after another."""
    ann, bob = blog.member("ann"), blog.member("bob")
    assert bob.put(f"/users/{ann.id}/follow").status_code == 201
    with ThreadPoolExecutor(8) as at_once:
        made = list(at_once.map(lambda number: ann.post("/posts/", body=f"number {number}"), range(40)))
        read = list(at_once.map(lambda post: bob.get(f"/posts/{post.json()['id']}"), made))
    assert {answer.status_code for answer in made} == {201}
    assert {answer.status_code for answer in read} == {200}
    eventually(lambda: bob.get(f"/users/{bob.id}/timeline/").json()["count"] == len(made), within=60)
    assert {post["id"] for post in bob.timeline()} <= {answer.json()["id"] for answer in made}


def test_the_blog_works_behind_a_pooler(stack, tmp_path):
    with pooling(Databases.from_environment().address) as pooler:
        settings = {"DATABASE_POOLER": f"127.0.0.1:{pooler.port}"}
        with Stack(free_block(), tmp_path, ENVIRONMENT | surroundings(stack) | settings) as running:
            people_use_it(Blog(running))
            assert min(by_database(pooler, running)) > 20


@pytest.mark.parametrize("pooled", [False, True], ids=["alone", "and a pooler"])
def test_queries_go_to_a_standby_and_people_see_what_they_have_just_written(
    stack, primary, standby, pooled, tmp_path
):
    databases = {f"{service.upper()}_DATABASE_URL": primary.database(service) for service in SERVICES}
    settings = databases | {"DATABASE_READER": f"127.0.0.1:{standby.port}"}
    with pooling(primary.address) as pooler:
        if pooled:
            settings["DATABASE_POOLER"] = f"127.0.0.1:{pooler.port}"
        with Stack(free_block(), tmp_path, ENVIRONMENT | surroundings(stack) | settings) as running:
            people_use_it(Blog(running))
            assert not pooled or min(by_database(pooler, running)) > 20
    asked = b"".join(standby.asked)
    assert b"SELECT" in asked
    assert b"INSERT" not in asked
