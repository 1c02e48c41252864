import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest
from auditing import deliver, handled_by
from shop.app import Settings, create_app, see
from shop.shelf import make
from tiny import serving

from chassis.testing.parts import Vhosts
from chassis.testing.service import Doors, dispose, service_doors
from chassis.testing.service import served as address_of

shop = service_doors("shop", create_app, Settings)


@pytest.fixture
def wired(shop, stack):
    """The shop on a real bus of the stack."""
    if stack == "embedded":
        yield shop
        return
    vhosts = Vhosts.from_environment()
    address = vhosts.vhost()
    app = create_app(shop.app.extensions["settings"].model_copy(update={"bus_url": address}))
    yield Doors(app, shop.signer)
    dispose(app)
    vhosts.drop(address)


@pytest.fixture
def served(shop, monkeypatch):
    """The shop asks itself, over HTTP, as it would ask the owner of its copies."""
    handled_by(shop, monkeypatch, see)
    with address_of(shop) as address:
        shop.app.extensions["settings"].shop_url = address
        yield shop


@pytest.fixture
def stocked(served):
    """Ten boxes, and a copy of each."""
    for number in range(1, 11):
        make(served, f"box {number}")
    deliver(served)
    return served


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A server that the tests of a file share."""
    with serving(tmp_path_factory.mktemp("serving")) as (_, port):
        yield port
