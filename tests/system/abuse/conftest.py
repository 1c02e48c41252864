"""One blog a stack for the whole battery; each test makes what it changes, so their order does not matter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.stack import Stack

from ..blogs import ENVIRONMENT, free_block, surroundings
from ..people import Blog
from .roles import Cast
from .site import LONG, Site

HERE = Path(__file__).parent
BLOGS = {"site", "fuzzed", "house"}
LIMITED = ("READS", "WRITES", "SIGN_IN", "REGISTRATION", "MAIL")


# What happens before anything reaches a database runs on one stack, the embedded one if it is there; so does,
# in the quick form, what is long.
ONCE = (
    "test_a2_framing.py",
    "test_a8_slow.py",
    "test_a9_sites.py",
    "test_a_flood_of_sign_ins",
    "test_times_do_not_tell",
    *(
        ()
        if LONG
        else (
            "test_a1_fuzz.py",
            "test_a1_texts.py",
            "test_no_spelling_of_an_address_leads_inside",
            "test_services_tell_nobody",
        )
    ),
)


@pytest.fixture(scope="session")
def site(stack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A blog as people use it."""
    with Stack(
        free_block(), tmp_path_factory.mktemp(f"abuse-{stack}"), ENVIRONMENT | surroundings(stack)
    ) as up:
        yield Site(stack, Blog(up))


@pytest.fixture(scope="session")
def cast(site: Site) -> Cast:
    """Somebody of every role on that blog."""
    return Cast(site)


@pytest.fixture(scope="session")
def fuzzed(stack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A blog of its own for what an administrator may break, and that may be asked as often as one likes."""
    free = {f"LIMIT_{name}": "off" for name in LIMITED}
    with Stack(
        free_block(), tmp_path_factory.mktemp(f"fuzzed-{stack}"), ENVIRONMENT | free | surroundings(stack)
    ) as up:
        yield Site(stack, Blog(up))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """One process runs all tests of one blog."""
    if config.option.stack == "both":
        twice = [
            item for item in items if stack_of(item) == "real" and any(name in item.nodeid for name in ONCE)
        ]
        config.hook.pytest_deselected(items=twice)
        items[:] = [item for item in items if item not in twice]
    for item in items:
        blog = BLOGS & set(getattr(item, "fixturenames", ())) if item.path.parent == HERE else set()
        if blog:
            item.add_marker(pytest.mark.xdist_group(f"abuse-{blog.pop()}-{stack_of(item)}"))


def stack_of(item: pytest.Item) -> str:
    return str(item.callspec.params.get("stack", "")) if hasattr(item, "callspec") else ""
