from collections.abc import Iterator

import pytest

from ..rig.blog import Rig


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
        if rig.real:
            rig.proxy.allow()
        rig.revive()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "rig" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(f"rig-{item.callspec.params['stack']}"))
