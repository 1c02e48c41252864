"""A real browser in front of a whole blog. One process runs all tests of one group."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from deploy.local.parts import browser
from deploy.local.stack import Stack
from tests.system.blogs import ENVIRONMENT, free_block
from tests.system.people import Blog, Person

from .crowd import ADMINISTRATOR, Crowd, gather
from .desk import PATIENCE, Desk
from .watch import Watch

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP localhost 127.0.0.1",
]
HERE = Path(__file__).parent
SCRIPTS = "test_a5_scripts.py"
FIRST = ("test_looks.py", "test_trouble.py", "test_watch.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups of about the same length; each has a blog and a browser of its own."""
    for item in items:
        if item.path.is_relative_to(HERE):
            number = 1 if item.path.name in FIRST else 3 if item.path.name == SCRIPTS else 2
            item.add_marker(pytest.mark.xdist_group(f"browser-{number}"))


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    program = browser()
    assert program, "no Chromium here: apt-get install chromium-headless-shell"
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=program, args=FLAGS, ignore_default_args=["--headless"]
        )
        yield running
        running.close()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blog]:
    """A blog on the embedded stack, as `make run` starts it, with an administrator called john."""
    environment = ENVIRONMENT | {"FLASKY_ADMIN": ADMINISTRATOR}
    with Stack(free_block(), tmp_path_factory.mktemp("pages"), environment) as running:
        yield Blog(running)


@pytest.fixture(scope="package")
def crowd(site: Blog) -> Crowd:
    return gather(site)


@pytest.fixture(scope="package")
def sessions() -> dict[str, str]:
    """Everybody logs in once; tests that end a session use people of their own."""
    return {}


@pytest.fixture(params=[True, False], ids=["scripts", "plain"])
def scripts(request: pytest.FixtureRequest) -> bool:
    """Everything works with JavaScript, and without."""
    return bool(request.param)


@pytest.fixture
def open_as(desk: Desk, scripts: bool) -> Callable[..., Page]:
    """`open_as(person, path)`: a page in a browser of that person's own."""
    return lambda who=None, path="/": desk.open(path, who, java_script_enabled=scripts)


@pytest.fixture
def member(site: Blog) -> Callable[[str], Person]:
    """Somebody new, whose name is used nowhere else."""
    return lambda name: site.member(name)


@pytest.fixture
def desk(chromium: Browser, site: Blog, sessions: dict[str, str]) -> Iterator[Desk]:
    """A browser for a test. At the end nothing may have gone wrong that only the browser knows."""
    desk = Desk(chromium, site.stack.public_url, Watch(site.stack.public_url), sessions)
    yield desk
    desk.close()
    assert desk.watch.troubles == []
