"""The rendered manifests of an overlay as one world: what runs, with which labels, mounts and addresses."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from deploy.k8s import render

Manifest = dict[str, Any]
RUNS = ("Deployment", "StatefulSet", "Job", "CronJob")
OURS = ("auth", "posts", "social", "gateway", "web")
ENDS = ("prepare", "backup")  # roles of jobs


@dataclass(frozen=True)
class Pod:
    """A pod that some manifest leads to, `owner` its manifest."""

    name: str
    owner: Manifest
    spec: Manifest = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def containers(self) -> list[Manifest]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def service(self) -> str:
        return self.labels.get("app.kubernetes.io/name", "")

    @property
    def role(self) -> str:
        return self.labels.get("flasky/role", "")

    @property
    def process(self) -> str:
        """As the table of secrets and the graph call it: `posts-api`, `auth-worker`."""
        return f"{self.service}-{self.role}" if self.role else self.name

    def __str__(self) -> str:
        return f"{self.owner['kind']}/{self.name}"


class World:
    def __init__(self, overlay: str) -> None:
        self.overlay = overlay
        self.manifests = render.manifests(overlay)

    def of(self, *kinds: str) -> list[Manifest]:
        return [manifest for manifest in self.manifests if manifest["kind"] in kinds]

    def named(self, kind: str, name: str) -> Manifest | None:
        return next((found for found in self.of(kind) if found["metadata"]["name"] == name), None)

    def pods(self, *kinds: str) -> Iterator[Pod]:
        for manifest in self.of(*(kinds or RUNS)):
            template = manifest["spec"]
            if manifest["kind"] == "CronJob":
                template = template["jobTemplate"]["spec"]
            template = template["template"]
            labels = template.get("metadata", {}).get("labels", {})
            yield Pod(manifest["metadata"]["name"], manifest, template["spec"], labels)

    def ours(self) -> list[Pod]:
        """The processes of this repository's images."""
        return [pod for pod in self.pods() if pod.service in OURS]

    def environment(self, pod: Pod) -> dict[str, str]:
        """What its container is told, settings objects included."""
        [container] = pod.containers
        told: dict[str, str] = {}
        for source in container.get("envFrom", []):
            settings = self.named("ConfigMap", source["configMapRef"]["name"])
            assert settings is not None, f"{pod} is told {source}, which is not there"
            told |= settings["data"]
        for entry in container.get("env", []):
            told[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda name: told[name[1]], value_of(entry, pod))
        return told


def value_of(entry: Manifest, pod: Pod) -> str:
    """What it says, or a field of the pod that a Deployment or a Job makes, as the cluster would name it."""
    if "value" in entry:
        return str(entry["value"])
    assert entry["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}, entry
    return f"{pod.name}-x7k2p"


def chosen(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a label selector takes these labels."""
    if any(labels.get(name) != value for name, value in selector.get("matchLabels", {}).items()):
        return False
    for rule in selector.get("matchExpressions", []):
        inside = labels.get(rule["key"]) in rule.get("values", [])
        if rule["operator"] not in ("In", "NotIn") or inside != (rule["operator"] == "In"):
            return False
    return True


@cache
def world_of(overlay: str) -> World:
    return World(overlay)
