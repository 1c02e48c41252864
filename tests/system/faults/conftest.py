from collections.abc import Iterator
from pathlib import Path

import pytest

from ..rig.blog import Rig

HERE = Path(__file__).parent
OWN_RIGS = ("test_f08_f09_disorder", "test_f20_backup")


@pytest.fixture(scope="session")
def rig(stack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One blog a stack for all experiments, each of which leaves it whole: `rig.check()` says so."""
    with Rig(stack, tmp_path_factory.mktemp(f"rig-{stack}")) as running:
        yield running


@pytest.fixture(autouse=True)
def disarmed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing of one experiment is left for the next, whatever came of it."""
    yield
    if "rig" in request.fixturenames:
        rig = request.getfixturevalue("rig")
        rig.disarm()
        rig.front.allow()
        if rig.real:
            rig.proxy.allow()
        rig.revive()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process runs all of a stack that share its rig, in a row; beside them what has one of its own."""
    for item in items:
        stack = item.callspec.params.get("stack") if hasattr(item, "callspec") else None
        if stack and item.path.parent == HERE:
            alone = item.path.stem in OWN_RIGS
            item.add_marker(pytest.mark.xdist_group(f"{item.path.stem if alone else 'rig'}-{stack}"))
