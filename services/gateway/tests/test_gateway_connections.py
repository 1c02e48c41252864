"""Connections that nobody says anything on take nobody else's place."""

import contextlib
import json
import socket

import pytest

from gateway.settings import Settings

from .neighbours import PATIENCE

MOST = 20
ASK = b"GET /api/v1/nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
GREEDY, OTHER = "127.0.0.2", "127.0.0.3"
REFUSED = 'gateway_limited_total{limit="connections"}'


@pytest.fixture
def connect():
    """Connects from an address of this machine."""
    with contextlib.ExitStack() as open_ones:

        def connected(site, source=GREEDY):
            address = ("127.0.0.1", site.port)
            return open_ones.enter_context(
                socket.create_connection(address, PATIENCE, source_address=(source, 0))
            )

        yield connected


def asked(connection):
    """The status of the answer."""
    with contextlib.suppress(OSError):  # it may be closed already
        connection.sendall(ASK)
    return int(connection.recv(65536)[9:12])


def fill(site, connect):
    """As many as one network may have. Each has its place, and then is silent."""
    kept = [connect(site) for _ in range(MOST)]
    assert [asked(each) for each in kept] == [404] * MOST
    return kept


def whole(connection):
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_one_more_than_a_network_may_have_is_refused_and_nobody_else(new_site, connect, eventually):
    site = new_site(network_connections=str(MOST))
    kept = fill(site, connect)
    assert asked(connect(site)) == 429
    assert asked(connect(site, OTHER)) == 404
    assert [asked(each) for each in kept] == [404] * MOST
    assert site.metric(REFUSED) == 1
    kept[0].close()
    eventually(lambda: asked(connect(site)) == 404)


def test_who_is_refused_is_told_at_once_and_has_asked_nothing(new_site, connect):
    site = new_site(network_connections=str(MOST))
    kept = fill(site, connect)
    head, _, body = whole(connect(site)).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 429 Too Many Requests"
    assert {"Connection: close", "Retry-After: 5", "X-Content-Type-Options: nosniff"} <= set(lines)
    assert json.loads(body)["message"].startswith("Too many connections from your network.")
    assert len(kept) == MOST


@pytest.mark.parametrize("told", [{"trusted_hops": "1"}, {"network_connections": "0"}])
def test_a_proxy_of_ours_has_the_connections_of_all_its_clients(new_site, connect, told):
    site = new_site(**({"network_connections": str(MOST)} | told))
    kept = fill(site, connect)
    assert [asked(connect(site)) for _ in kept] == [404] * MOST
    assert site.metric(REFUSED) == 0


def test_health_and_metrics_are_asked_for_from_wherever_connections_are_too_many(new_site, connect):
    site = new_site(network_connections="1")
    kept = connect(site, "127.0.0.1")
    assert asked(kept) == 404
    assert asked(connect(site, "127.0.0.1")) == 429
    idle = [socket.create_connection(("127.0.0.1", site.ops_port), PATIENCE) for _ in range(3)]
    assert site.ops("/readyz").status == 200
    for each in idle:
        each.close()


def test_a_number_below_none_stops_the_start():
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        Settings(network_connections=-1)
