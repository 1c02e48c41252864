"""What the linters ask of containers and their pods."""

import re
from collections import Counter

from .rules import Found, Rule, each_container, each_pod, rule
from .world import Manifest, Pod, World, chosen


def secured(container: Manifest, pod: Pod, name: str) -> object:
    """As the kubelet decides: the container's word before the pod's."""
    return container.get("securityContext", {}).get(name, pod.spec.get("securityContext", {}).get(name))


def resources(container: Manifest, *names: str) -> bool:
    given = container.get("resources", {})
    return all(name in given.get(kind, {}) for kind in ("requests", "limits") for name in names)


def image_tag(container: Manifest) -> str:
    return re.sub(r"^.*/", "", container["image"]).partition("@")[0].partition(":")[2]


rule("container-resources")(each_container(lambda one, _: not resources(one, "cpu", "memory")))
rule("unset-cpu-requirements")(each_container(lambda one, _: not resources(one, "cpu")))
rule("unset-memory-requirements")(each_container(lambda one, _: not resources(one, "memory")))
rule("container-ephemeral-storage-request-and-limit")(
    each_container(lambda one, _: not resources(one, "ephemeral-storage"))
)
rule("container-image-tag", "latest-tag")(each_container(lambda one, _: image_tag(one) in ("", "latest")))
rule("container-image-pull-policy")(each_container(lambda one, _: one.get("imagePullPolicy") != "Always"))
rule("container-security-context-user-group-id")(
    each_container(
        lambda one, pod: any((secured(one, pod, name) or 0) < 10000 for name in ("runAsUser", "runAsGroup"))
    )
)
rule("run-as-non-root")(each_container(lambda one, pod: secured(one, pod, "runAsNonRoot") is not True))
rule("container-security-context-privileged", "privileged-container")(
    each_container(lambda one, pod: bool(secured(one, pod, "privileged")))
)
rule("privilege-escalation-container")(
    each_container(lambda one, _: one["securityContext"].get("allowPrivilegeEscalation") is not False)
)
rule("container-security-context-readonlyrootfilesystem", "no-read-only-root-fs")(
    each_container(lambda one, _: one["securityContext"].get("readOnlyRootFilesystem") is not True)
)
rule("drop-net-raw-capability")(
    each_container(lambda one, _: "ALL" not in one["securityContext"].get("capabilities", {}).get("drop", []))
)
rule("container-seccomp-profile")(
    each_container(
        lambda one, pod: (secured(one, pod, "seccompProfile") or {}).get("type") != "RuntimeDefault"
    )
)
rule("duplicate-env-var", "environment-variable-key-duplication")(
    each_container(
        lambda one, _: bool([n for n, k in Counter(e["name"] for e in one.get("env", [])).items() if k > 1])
    )
)
rule("env-var-secret")(
    each_container(
        lambda one, _: (
            any(
                "secretKeyRef" in entry.get("valueFrom", {})
                or (re.search("SECRET|PASSWORD|TOKEN", entry["name"]) and not entry["name"].endswith("_FILE"))
                for entry in one.get("env", [])
            )
            or any("secretRef" in source for source in one.get("envFrom", []))
        )
    )
)
rule("ssh-port")(
    each_container(lambda one, _: any(port["containerPort"] == 22 for port in one.get("ports", [])))
)
rule("host-ipc")(each_pod(lambda pod: bool(pod.spec.get("hostIPC"))))
rule("host-network")(each_pod(lambda pod: bool(pod.spec.get("hostNetwork"))))
rule("host-pid")(each_pod(lambda pod: bool(pod.spec.get("hostPID"))))
rule("docker-sock", "sensitive-host-mounts")(
    each_pod(lambda pod: any("hostPath" in volume for volume in pod.spec.get("volumes", [])))
)
rule("unsafe-sysctls")(each_pod(lambda pod: bool(pod.spec.get("securityContext", {}).get("sysctls"))))
rule("deprecated-service-account-field")(each_pod(lambda pod: "serviceAccount" in pod.spec))
rule("restart-policy")(
    each_pod(
        lambda pod: (
            pod.spec.get("restartPolicy", "Always")
            not in (("Never", "OnFailure") if "Job" in pod.owner["kind"] else ("Always",))
        )
    )
)


@rule("pod-probes")
def _(world: World) -> Found:
    for pod in world.pods("Deployment", "StatefulSet"):
        if any(not {"livenessProbe", "readinessProbe"} <= one.keys() for one in pod.spec["containers"]):
            yield pod


@rule("pod-probes-identical")
def _(world: World) -> Found:
    for pod in world.pods("Deployment", "StatefulSet"):
        asked = [
            str(one[kind].get("httpGet") or one[kind].get("exec") or one[kind].get("tcpSocket"))
            for one in pod.spec["containers"]
            for kind in ("livenessProbe", "readinessProbe")
        ]
        if len(set(asked)) < len(asked):
            yield pod


def port_of_probe(kind: str) -> Rule:
    def wrong(one: Manifest, _: Pod) -> bool:
        probe = one.get(kind, {})
        wanted = [probe[how]["port"] for how in ("httpGet", "tcpSocket") if how in probe]
        there = {port[key] for port in one.get("ports", []) for key in ("name", "containerPort")}
        return not there.issuperset(wanted)

    return each_container(wrong)


for kind in ("liveness", "readiness", "startup"):
    rule(f"{kind}-port")(port_of_probe(f"{kind}Probe"))


@rule("non-existent-service-account")
def _(world: World) -> Found:
    known = {account["metadata"]["name"] for account in world.of("ServiceAccount")}
    return (
        pod
        for pod in world.pods()
        if pod.spec.get("serviceAccountName", "default") not in {*known, "default"}
    )


@rule("pod-networkpolicy")
def _(world: World) -> Found:
    for pod in world.pods():
        policies = [p for p in world.of("NetworkPolicy") if chosen(p["spec"]["podSelector"], pod.labels)]
        if {kind for policy in policies for kind in policy["spec"]["policyTypes"]} != {"Ingress", "Egress"}:
            yield pod


@rule("pod-topology-spread-constraints")
def _(world: World) -> Found:
    return (pod for pod in world.pods("Deployment") if not pod.spec.get("topologySpreadConstraints"))
