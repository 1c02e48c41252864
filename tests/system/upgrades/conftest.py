from collections.abc import Iterator
from pathlib import Path

import pytest

from ..rig.blog import Rig
from ..rig.rollout import Rollout

HERE = Path(__file__).parent


class Rolling(Rig):
    kind_of_stack = Rollout
    stack: Rollout


@pytest.fixture(scope="session")
def rig(stack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rolling]:
    """One blog a stack, whose processes are replaced by all tests in turn."""
    with Rolling(stack, tmp_path_factory.mktemp(f"rolling-{stack}")) as running:
        yield running


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process runs all tests of one blog."""
    for item in items:
        if item.path.parent == HERE and "rig" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(f"rolling-{item.callspec.params['stack']}"))
