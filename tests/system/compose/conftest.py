import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.testing.parts import free_port, part_folder
from chassis.testing.polling import eventually

from . import images
from .engine import Engine, Site, Town


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """Kept in the folder that ENGINE names, and then the next run finds its images; else it is removed."""
    kept = os.environ.get("ENGINE")
    folder = Path(kept) if kept else part_folder()
    running = Engine(folder / "docker")
    running.start()
    try:
        images.obtain(folder / "images")
        yield running
    finally:
        running.stop()
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def site(engine: Engine, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Built, brought up once, used by all tests in their order, and taken down with its volumes."""
    folder = part_folder()
    built = Site(folder, free_port(), free_port())
    built.make("images", "VERSION=tested")
    built.make("secrets")
    try:
        built.begun = time.monotonic()
        built.compose("up", "--detach")
        eventually(built.answers, within=300)
        yield built
    finally:
        logs = built.compose("logs", "--no-color", "--tail", "60") if request.session.testsfailed else ""
        built.compose("down", "--volumes")
        shutil.rmtree(folder, ignore_errors=True)
        print(logs[-20000:])


@pytest.fixture(scope="session")
def town(site: Site) -> Town:
    return Town(site)  # type: ignore[arg-type]
