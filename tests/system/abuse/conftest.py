"""One blog a stack for the whole battery; each test makes what it changes, so their order does not matter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.stack import Stack

from ..blogs import ENVIRONMENT, free_block, surroundings
from ..people import Blog
from .roles import Cast
from .site import Site

HERE = Path(__file__).parent
LIMITED = ("READS", "WRITES", "SIGN_IN", "REGISTRATION", "MAIL")


@pytest.fixture(scope="session")
def either(stack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A blog on each stack of the run: for tests where the database matters."""
    with Stack(
        free_block(), tmp_path_factory.mktemp(f"abuse-{stack}"), ENVIRONMENT | surroundings(stack)
    ) as up:
        yield Site(stack, Blog(up))


@pytest.fixture(scope="session")
def site(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A blog on one stack: where the database makes no difference."""
    kind = "real" if pytestconfig.option.stack == "real" else "embedded"
    with Stack(free_block(), tmp_path_factory.mktemp("abuse"), ENVIRONMENT | surroundings(kind)) as running:
        yield Site(kind, Blog(running))


@pytest.fixture(scope="session")
def cast(site: Site) -> Cast:
    """Somebody of every role on that blog."""
    return Cast(site)


@pytest.fixture(scope="session")
def fuzzed(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A blog of its own for what an administrator may break, and that may be asked as often as one likes."""
    kind = "real" if pytestconfig.option.stack == "real" else "embedded"
    free = {f"LIMIT_{name}": "off" for name in LIMITED}
    with Stack(
        free_block(), tmp_path_factory.mktemp("fuzzed"), ENVIRONMENT | free | surroundings(kind)
    ) as running:
        yield Site(kind, Blog(running))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process runs all tests of one blog."""
    for item in items:
        names = getattr(item, "fixturenames", ())
        if item.path.parent == HERE and "fuzzed" in names:
            item.add_marker(pytest.mark.xdist_group("abuse-fuzzed"))
        elif item.path.parent == HERE and {"site", "cast", "either"} & set(names):
            stack = item.callspec.params.get("stack", "") if hasattr(item, "callspec") else ""
            item.add_marker(pytest.mark.xdist_group(f"abuse-{stack or 'one'}"))
