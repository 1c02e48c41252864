"""A gateway as it runs, in front of small real servers; one that tests share, or one of a test's own."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chassis.testing.polling import eventually

from .neighbours import Person, answer
from .site import Site


@pytest.fixture(scope="session")
def shared() -> Iterator[Site]:
    site = Site()
    site.start()
    yield site
    site.end()


@pytest.fixture
def site(shared: Site) -> Site:
    """A gateway that tests share. Whatever a test does to it concerns only people and paths of its own."""
    return shared


@pytest.fixture(scope="session")
def ending() -> Iterator[list[Site]]:
    """Gateways told to end, to be waited for when everything is done."""
    told: list[Site] = []
    yield told
    for site in told:
        site.end()


@pytest.fixture
def new_site(ending: list[Site]) -> Iterator[Callable[..., Site]]:
    """Makes a gateway of the test's own, with settings of its own."""
    made: list[Site] = []

    def make(ready: bool = True, **settings: str) -> Site:
        made.append(Site(settings={name.upper(): value for name, value in settings.items()}))
        made[-1].start(ready)
        return made[-1]

    yield make
    for site in made:
        site.process.terminate()
    ending += made


@pytest.fixture
def ann(site: Site) -> Person:
    return site.auth.person()


@pytest.fixture
def path() -> str:
    """The address of a post that no other test asks for."""
    return f"/api/v1/posts/{uuid.uuid4().int % 10**15}"


@pytest.fixture
def said() -> Callable[..., bytes]:
    """Builds what a service says."""
    return answer


@pytest.fixture(name="eventually")
def polling() -> Callable[..., Any]:
    return eventually


@pytest.fixture
def crowd() -> Callable[..., list[Any]]:
    """Does something many times at once; gives what came of it."""

    def together(number: int, work: Callable[[], Any]) -> list[Any]:
        with ThreadPoolExecutor(number) as pool:
            return [done.result() for done in [pool.submit(work) for _ in range(number)]]

    return together
