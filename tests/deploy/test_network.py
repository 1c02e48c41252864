"""Who may talk to whom: the network policies, worked out as a cluster does, against graph.yaml."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from .world import Manifest, World, chosen, world_of

TABLE = Path(__file__).parents[2] / "deploy" / "k8s" / "network" / "graph.yaml"
NAME, ROLE = "app.kubernetes.io/name", "flasky/role"
STATEFUL = ("auth", "posts", "social")
Place = dict[str, Any]
# What is outside of our namespace, and two addresses of the world.
OUTSIDE: dict[str, Place] = {
    **{
        name: {"namespace": {"kubernetes.io/metadata.name": name}, "labels": {}}
        for name in ("ingress-nginx", "monitoring", "keda", "cnpg-system", "rabbitmq-system", "default")
    },
    "dns": {
        "namespace": {"kubernetes.io/metadata.name": "kube-system"},
        "labels": {"k8s-app": "kube-dns"},
    },
    "kube-system": {"namespace": {"kubernetes.io/metadata.name": "kube-system"}, "labels": {}},
    "internet": {"address": "203.0.113.7"},
}
PORTS = (
    22,
    53,
    80,
    443,
    587,
    4318,
    4369,
    5432,
    5672,
    6379,
    6443,
    8000,
    8010,
    8011,
    9127,
    9187,
    15672,
    15692,
    25672,
)


def inside(world: World) -> dict[str, dict[str, str]]:
    """Every kind of pod in our namespace by its name in the table, those that operators make included."""
    found = {pod.process: pod.labels for pod in world.ours()}
    found |= {
        name: {"flasky/database": name.removesuffix("-database")}
        for name in map("{}-database".format, STATEFUL)
    }
    found |= {f"{name}-pooler": {"cnpg.io/poolerName": f"{name}-pooler"} for name in STATEFUL}
    return found | {"bus": {NAME: "bus"}, "limits": {NAME: "limits"}}


def meets(peer: Manifest, place: Place) -> bool:
    if "ipBlock" in peer:
        address = place.get("address")
        return bool(address) and ip_address(address) in ip_network(peer["ipBlock"]["cidr"])
    if "labels" not in place:
        return False
    if "namespaceSelector" in peer:
        near = chosen(peer["namespaceSelector"], place.get("namespace", {}))
    else:
        near = "namespace" not in place
    return near and chosen(peer.get("podSelector", {}), place["labels"])


def allowed(world: World, way: str, labels: dict[str, str], other: Place, port: int) -> bool:
    """Whether some policy of this pod lets it through; a pod with policies is closed otherwise."""
    side = {"Egress": "to", "Ingress": "from"}[way]
    for policy in world.of("NetworkPolicy"):
        spec = policy["spec"]
        if way not in spec["policyTypes"] or not chosen(spec["podSelector"], labels):
            continue
        for rule in spec.get(way.lower(), []):
            if port in {entry["port"] for entry in rule["ports"]} and any(
                meets(peer, other) for peer in rule[side]
            ):
                return True
    return False


def edges(world: World) -> Iterator[tuple[str, str, int]]:
    pods = inside(world)
    places = {name: {"labels": labels} for name, labels in pods.items()} | OUTSIDE
    for source, target in ((source, target) for source in places for target in places):
        if source in OUTSIDE and target in OUTSIDE:
            continue
        for port in PORTS:
            out = source in OUTSIDE or allowed(world, "Egress", pods[source], places[target], port)
            if out and (target in OUTSIDE or allowed(world, "Ingress", pods[target], places[source], port)):
                yield source, target, port


def written() -> set[tuple[str, str, int]]:
    return {
        (source, target, port)
        for row in yaml.safe_load(TABLE.read_text())
        for source in row["from"]
        for target in row["to"]
        for port in row["ports"]
    }


def test_who_may_talk_to_whom_is_what_is_written(world):
    found, table = set(edges(world)), written()
    assert found == table, f"not written: {sorted(found - table)}; not possible: {sorted(table - found)}"


def test_every_port_of_the_policies_is_looked_at(world):
    named = {
        entry["port"]
        for policy in world.of("NetworkPolicy")
        for way in ("ingress", "egress")
        for rule in policy["spec"].get(way, [])
        for entry in rule["ports"]
    }
    assert named <= set(PORTS)


@pytest.mark.parametrize("service", STATEFUL)
def test_a_database_is_for_its_service_alone(service):
    sources = {
        source for source, target, port in written() if (target, port) == (f"{service}-database", 5432)
    }
    assert {source.partition("-")[0] for source in sources} == {service}


def test_a_pod_that_is_none_of_ours_reaches_nothing_and_is_reached_by_nobody():
    world = world_of("production")
    stranger = {NAME: "stranger"}
    places = {name: {"labels": labels} for name, labels in inside(world).items()} | OUTSIDE
    for name, place in places.items():
        for port in PORTS:
            assert not allowed(world, "Egress", stranger, place, port) or (name, port) == ("dns", 53)
            assert not allowed(world, "Ingress", stranger, place, port)
