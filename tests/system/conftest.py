from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.stack import Stack

from .blogs import ENVIRONMENT, free_block, surroundings
from .people import Blog

HERE = Path(__file__).parent


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
        if HERE in item.path.parents and "blog" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(f"blog-{item.callspec.params['stack']}"))
