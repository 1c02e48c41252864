import os
import random
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.testing.parts import PORTS, Databases, Vhosts, listens
from deploy.local.stack import OFFSETS, SERVICES, Stack

from .people import Blog

ENVIRONMENT = {"PATH": os.environ["PATH"], "LOG_LEVEL": "INFO", "FLASKY_ADMIN": "root@example.com"}


def free_block() -> int:
    """A port from which on every port that a blog needs is free."""
    width = max(OFFSETS.values()) + 1
    for port in random.sample(range(PORTS.start, PORTS.stop - width, width), 50):
        if not any(listens(port + offset) for offset in OFFSETS.values()):
            return port
    raise RuntimeError("no free ports")


def surroundings(stack: str) -> dict[str, str]:
    """The addresses of the real databases and bus, or nothing for the embedded ones."""
    if stack == "embedded":
        return {}
    databases, unique = Databases.from_environment(), uuid.uuid4().hex[:8]
    urls = {f"{name.upper()}_DATABASE_URL": databases.database(f"{name}_{unique}") for name in SERVICES}
    return urls | {"BUS_URL": Vhosts.from_environment().vhost()}


@pytest.fixture(scope="session")
def blog(stack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blog]:
    """The whole blog as `make run` starts it, once for the tests of a stack."""
    folder: Path = tmp_path_factory.mktemp(f"blog-{stack}")
    with Stack(free_block(), folder, ENVIRONMENT | surroundings(stack)) as running:
        yield Blog(running)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process runs all tests of one blog."""
    for item in items:
        if "blog" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(f"blog-{item.callspec.params['stack']}"))
