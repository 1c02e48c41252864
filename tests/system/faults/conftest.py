from collections.abc import Iterator
from pathlib import Path

import pytest

from ..rig.blog import Rig

HERE = Path(__file__).parent
# Experiments of one share use one rig in turn; the shares go on beside each other.
FIRST = ("test_f01", "test_f02", "test_f03", "test_f06", "test_f14", "test_f19")
ALONE = ("test_f08", "test_f20")  # each with a rig of its own, or none


def share(stem: str) -> str:
    return "first" if stem.startswith(FIRST) else stem[:8] if stem.startswith(ALONE) else "second"


@pytest.fixture(scope="session")
def rig(stack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One blog for many experiments, each of which leaves it whole: `rig.check()` says so."""
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
    """One process runs all of a share, in a row: groups are begun early, because they are long. F20, one test
    that takes as long as some groups, begins before them.
    """
    items.sort(key=lambda item: item.path.parent != HERE or not item.path.stem.startswith("test_f20"))
    for item in items:
        stack = item.callspec.params.get("stack") if hasattr(item, "callspec") else None
        if stack and item.path.parent == HERE:
            item.add_marker(pytest.mark.xdist_group(f"faults-{share(item.path.stem)}-{stack}"))
