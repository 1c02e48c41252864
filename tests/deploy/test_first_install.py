"""The documented first installations, step by step: what each step's objects refer to is there by then."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from deploy.k8s import render, secrets

from .world import Manifest

ROOT = Path(__file__).parents[2]
Reference = tuple[str, str]  # a kind and a name
PAGES = {
    "production": (ROOT / "deploy/k8s/README.md", "## The first time"),
    "local": (ROOT / "docs/run/on-kubernetes.md", "# On Kubernetes"),
}
# In any manifest: a part of it that names another.
PARTS = {
    "configMapRef": "ConfigMap",
    "secretKeyRef": "Secret",
    "scaleTargetRef": "Deployment",
    "authenticationRef": "TriggerAuthentication",
    "accessKeyId": "Secret",
    "secretAccessKey": "Secret",
    "importCredentialsSecret": "Secret",
    "rabbitmqClusterReference": "RabbitmqCluster",
    "userReference": "User",
    "cluster": "Cluster",
    "secretStoreRef": "ClusterSecretStore",
    "service": "Service",
}
# A word that is a name: mostly of a pod, who it runs as and what it is given.
WORDS = {
    "serviceAccountName": "ServiceAccount",
    "priorityClassName": "PriorityClass",
    "secretName": "Secret",
    "claimName": "PersistentVolumeClaim",
    "storageClassName": "StorageClass",
    "ingressClassName": "IngressClass",
}


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Which overlay, and the section of its page."""
    path, heading = PAGES[request.param]
    section = path.read_text().partition(f"{heading}\n")[2]
    return request.param, re.split(r"^## ", section, maxsplit=1, flags=re.M)[0]


def steps(section: str) -> Iterator[list[Manifest]]:
    """What each command of the section gives to the cluster."""
    for line in re.findall(r"^(?:\$ )?(.*kubectl apply .*)", section, re.M):
        words = shlex.split(line, comments=True)
        if "deploy.k8s.secrets" in words:
            yield secrets.all_of_them()
        elif "-k" in words:
            made = rendered(words[words.index("-k") + 1])
            yield [one for one in made if "-l" not in words or is_of_phase(one, words[words.index("-l") + 1])]
        else:
            namespace = words[words.index("-n") + 1] if "-n" in words else "default"
            yield [placed(one, namespace) for one in read(ROOT / words[words.index("-f") + 1])]


@cache
def rendered(folder: str) -> list[Manifest]:
    return list(yaml.safe_load_all(render.kustomized(ROOT / folder)))


def read(path: Path) -> list[Manifest]:
    return list(yaml.safe_load_all(path.read_text()))


def placed(one: Manifest, namespace: str) -> Manifest:
    inside = {} if one["kind"] in ("Namespace", "PriorityClass") else {"namespace": namespace}
    return one | {"metadata": inside | one["metadata"]}


def is_of_phase(one: Manifest, selector: str) -> bool:
    label, _, value = selector.partition("!=")
    return one["metadata"].get("labels", {}).get(label) != value


def made(one: Manifest) -> set[Reference]:
    """It, and the secrets that its operator makes of it."""
    name = one["metadata"]["name"]
    found = {(one["kind"], name)}
    if one["kind"] == "ExternalSecret":
        found.add(("Secret", one["spec"]["target"]["name"]))
    if one["kind"] == "Cluster":
        found.add(("Secret", f"{name}-app"))
    if "cert-manager.io/cluster-issuer" in one["metadata"].get("annotations", {}):
        found |= {("Secret", entry["secretName"]) for entry in one["spec"]["tls"]}
    return found


def referred(one: Manifest) -> set[Reference]:
    found = set(mentions(one.get("spec", {})))
    if "namespace" in one["metadata"]:
        found.add(("Namespace", one["metadata"]["namespace"]))
    if issuer := one["metadata"].get("annotations", {}).get("cert-manager.io/cluster-issuer"):
        found.add(("ClusterIssuer", issuer))
    return found


def mentions(part: object) -> Iterator[Reference]:
    if isinstance(part, list):
        for one in part:
            yield from mentions(one)
    if isinstance(part, dict):
        for key, value in part.items():
            if key in WORDS:
                yield WORDS[key], value
            elif isinstance(value, dict) and key in PARTS and "name" in value:
                yield PARTS[key], value["name"]
            elif key == "secretTargetRef":
                yield from (("Secret", entry["name"]) for entry in value)
            else:
                yield from mentions(value)


def test_each_step_finds_what_it_refers_to(page):
    """Made by it or by a step before, or named in the page as what the cluster has to have."""
    overlay, section = page
    there: set[Reference] = {("Namespace", "default")}
    for number, step in enumerate(steps(section), 1):
        there |= {reference for one in step for reference in made(one)}
        missing = {reference for one in step for reference in referred(one)} - there
        yours = {(kind, name) for kind, name in missing if f"{kind} `{name}`" in section}
        assert missing == yours, f"step {number} of {overlay} refers to {sorted(missing - yours)}"


def test_the_steps_make_all_of_the_overlay(page):
    """Nothing is left out, but the jobs that tidy up days after a release."""
    overlay, section = page
    names = {reference for step in steps(section) for one in step for reference in made(one)}
    wanted = {
        reference
        for one in render.manifests(overlay)
        if one["metadata"].get("labels", {}).get("flasky/phase") != "contract"
        for reference in made(one)
    }
    assert wanted <= names


def test_nothing_is_left_in_the_default_namespace(page):
    _, section = page
    assert not [
        one["metadata"]["name"]
        for step in steps(section)
        for one in step
        if one["metadata"].get("namespace") == "default"
    ]
