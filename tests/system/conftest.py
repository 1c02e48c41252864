from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.stack import Stack

from .blogs import ENVIRONMENT, free_block, surroundings
from .people import Blog, settled

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


@pytest.fixture
def three(blog: Blog) -> tuple[Any, ...]:
    """john, susan and david of the book's example: 1→3, 2→1, 2→3; posts 1 susan, 2 john, 3 david, 4 john."""
    john, susan, david = (blog.member(name) for name in ("john", "susan", "david"))
    for follower, followed in ((john, david), (susan, john), (susan, david)):
        settled(lambda a=follower, b=followed: a.put(f"/users/{b.id}/follow").status_code in (200, 201))
    written = [
        who.post("/posts/", body=text).json()
        for who, text in ((susan, "one"), (john, "two"), (david, "three"), (john, "four"))
    ]
    return john, susan, david, written
