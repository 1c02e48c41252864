import pytest

from deploy.k8s.render import OVERLAYS

from .world import World, world_of


@pytest.fixture(params=OVERLAYS)
def world(request: pytest.FixtureRequest) -> World:
    return world_of(request.param)
