"""Every rule that kube-score and kube-linter have by default, on every overlay.

Neither can be had from PyPI, so each rule is written here under its own name. An exception is an annotation
of the manifest, in those tools' own words, with its reason: `ignore-check.kube-linter.io/RULE: reason`, or
`kube-score/ignore: RULE,RULE` beside `flasky/why: reason`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from .world import Manifest, Pod, World, chosen

Found = Iterator[Manifest | Pod]
Rule = Callable[[World], Found]
RULES: dict[str, Rule] = {}
LINTER = "ignore-check.kube-linter.io/"


def rule(*names: str) -> Callable[[Rule], Rule]:
    """`found` yields what breaks the rule; both tools often mean the same by different names."""

    def keep(found: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, found))
        return found

    return keep


def each_container(wrong: Callable[[Manifest, Pod], bool]) -> Rule:
    return lambda world: (pod for pod in world.pods() if any(wrong(one, pod) for one in pod.containers))


def each_pod(wrong: Callable[[Pod], bool]) -> Rule:
    return lambda world: filter(wrong, world.pods())


def secured(container: Manifest, pod: Pod, name: str) -> object:
    """As the kubelet decides: the container's word before the pod's."""
    return container.get("securityContext", {}).get(name, pod.spec.get("securityContext", {}).get(name))


def resources(container: Manifest, *names: str) -> bool:
    given = container.get("resources", {})
    return all(name in given.get(kind, {}) for kind in ("requests", "limits") for name in names)


def image_tag(container: Manifest) -> str:
    return re.sub(r"^.*/", "", container["image"]).partition("@")[0].partition(":")[2]


# Containers and pods
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


# Workloads
def many(world: World, owner: Manifest) -> bool:
    return not is_scaled(world, owner) and owner["spec"].get("replicas", 1) < 2


def is_scaled(world: World, owner: Manifest) -> bool:
    targets = [
        scaler["spec"]["scaleTargetRef"]["name"]
        for scaler in world.of("HorizontalPodAutoscaler", "ScaledObject")
    ]
    return owner["kind"] == "Deployment" and owner["metadata"]["name"] in targets


@rule("deployment-replicas")
def _(world: World) -> Found:
    return (owner for owner in world.of("Deployment") if many(world, owner))


@rule("deployment-targeted-by-hpa-does-not-have-replicas-configured")
def _(world: World) -> Found:
    return (
        owner for owner in world.of("Deployment") if is_scaled(world, owner) and "replicas" in owner["spec"]
    )


def spread(pod: Pod) -> bool:
    terms = pod.spec.get("affinity", {}).get("podAntiAffinity", {})
    wanted = [
        *(
            term["podAffinityTerm"]
            for term in terms.get("preferredDuringSchedulingIgnoredDuringExecution", [])
        ),
        *terms.get("requiredDuringSchedulingIgnoredDuringExecution", []),
    ]
    return any(
        term["topologyKey"] == "kubernetes.io/hostname" and chosen(term["labelSelector"], pod.labels)
        for term in wanted
    )


@rule("deployment-has-host-podantiaffinity", "no-anti-affinity")
def _(world: World) -> Found:
    return (pod for pod in world.pods("Deployment") if not spread(pod))


@rule("statefulset-has-host-podantiaffinity")
def _(world: World) -> Found:
    return (pod for pod in world.pods("StatefulSet") if not spread(pod))


def budgets(world: World, pod: Pod) -> list[Manifest]:
    return [one for one in world.of("PodDisruptionBudget") if chosen(one["spec"]["selector"], pod.labels)]


@rule("deployment-has-poddisruptionbudget")
def _(world: World) -> Found:
    return (pod for pod in world.pods("Deployment") if len(budgets(world, pod)) != 1)


@rule("statefulset-has-poddisruptionbudget")
def _(world: World) -> Found:
    return (pod for pod in world.pods("StatefulSet") if len(budgets(world, pod)) != 1)


@rule(
    "deployment-pod-selector-labels-match-template-metadata-labels",
    "statefulset-pod-selector-labels-match-template-metadata-labels",
    "mismatching-selector",
)
def _(world: World) -> Found:
    for pod in world.pods("Deployment", "StatefulSet"):
        selector = pod.owner["spec"]["selector"]
        if not selector.get("matchLabels") or not chosen(selector, pod.labels):
            yield pod


@rule("statefulset-has-servicename")
def _(world: World) -> Found:
    for pod in world.pods("StatefulSet"):
        service = world.named("Service", pod.owner["spec"]["serviceName"])
        if service is None or not chosen({"matchLabels": service["spec"]["selector"]}, pod.labels):
            yield pod


@rule("job-ttl-seconds-after-finished")
def _(world: World) -> Found:
    return (job for job in world.of("Job") if "ttlSecondsAfterFinished" not in job["spec"])


@rule("cronjob-has-deadline")
def _(world: World) -> Found:
    return (job for job in world.of("CronJob") if "startingDeadlineSeconds" not in job["spec"])


@rule("cronjob-restartpolicy")
def _(world: World) -> Found:
    return (
        pod for pod in world.pods("CronJob") if pod.spec.get("restartPolicy") not in ("Never", "OnFailure")
    )


# What leads to pods
@rule("dangling-service", "service-targets-pod")
def _(world: World) -> Found:
    for service in world.of("Service"):
        if not any(chosen({"matchLabels": service["spec"]["selector"]}, pod.labels) for pod in world.pods()):
            yield service


@rule("service-type")
def _(world: World) -> Found:
    return (service for service in world.of("Service") if service["spec"].get("type") == "NodePort")


@rule("invalid-target-ports")
def _(world: World) -> Found:
    for service in world.of("Service"):
        pods = [p for p in world.pods() if chosen({"matchLabels": service["spec"]["selector"]}, p.labels)]
        names = {port["name"] for pod in pods for one in pod.containers for port in one.get("ports", [])}
        if not names.issuperset(port["targetPort"] for port in service["spec"]["ports"]):
            yield service


@rule("ingress-targets-service")
def _(world: World) -> Found:
    for ingress in world.of("Ingress"):
        for path in (path for one in ingress["spec"]["rules"] for path in one["http"]["paths"]):
            wanted = path["backend"]["service"]
            service = world.named("Service", wanted["name"])
            if service is None or wanted["port"]["name"] not in {
                port["name"] for port in service["spec"]["ports"]
            }:
                yield ingress


@rule("networkpolicy-targets-pod")
def _(world: World) -> Found:
    """The pods of operators are known by the labels that their resources hand on."""
    labels = [pod.labels for pod in world.pods()] + [
        {"flasky/database": name, "cnpg.io/poolerName": f"{name}-pooler"}
        for name in ("auth", "posts", "social")
    ]
    labels.append({"app.kubernetes.io/name": "bus"})
    for policy in world.of("NetworkPolicy"):
        if not any(chosen(policy["spec"]["podSelector"], one) for one in labels):
            yield policy


@rule("horizontalpodautoscaler-has-target")
def _(world: World) -> Found:
    for scaler in world.of("HorizontalPodAutoscaler", "ScaledObject"):
        if world.named("Deployment", scaler["spec"]["scaleTargetRef"]["name"]) is None:
            yield scaler


@rule("horizontalpodautoscaler-replicas")
def _(world: World) -> Found:
    return (
        scaler for scaler in world.of("HorizontalPodAutoscaler") if scaler["spec"].get("minReplicas", 1) < 2
    )


@rule("poddisruptionbudget-has-policy")
def _(world: World) -> Found:
    for budget in world.of("PodDisruptionBudget"):
        if not {"minAvailable", "maxUnavailable"} & budget["spec"].keys():
            yield budget


@rule("pdb-max-unavailable")
def _(world: World) -> Found:
    return (b for b in world.of("PodDisruptionBudget") if b["spec"].get("maxUnavailable", 1) in (0, "0%"))


@rule("pdb-min-available")
def _(world: World) -> Found:
    return (b for b in world.of("PodDisruptionBudget") if b["spec"].get("minAvailable") == "100%")


@rule("pdb-unhealthy-pod-eviction-policy")
def _(world: World) -> Found:
    budgets = world.of("PodDisruptionBudget")
    return (one for one in budgets if one["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow")


# Anything
@rule("stable-version", "no-extensions-v1beta")
def _(world: World) -> Found:
    builtin = (
        "apps/",
        "batch/",
        "policy/",
        "networking.k8s.io/",
        "autoscaling/",
        "extensions/",
        "scheduling.k8s.io/",
    )
    return (
        one
        for one in world.manifests
        if one["apiVersion"].startswith(builtin) and re.search("alpha|beta", one["apiVersion"])
    )


@rule("label-values")
def _(world: World) -> Found:
    good = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
    for one in world.manifests:
        if not all(good.fullmatch(str(value)) for value in one["metadata"].get("labels", {}).values()):
            yield one


def excepted(owner: Manifest, name: str) -> bool:
    """An exception without a reason is none."""
    said = owner["metadata"].get("annotations", {})
    if len(said.get(LINTER + name, "")) > 10:
        return True
    return name in said.get("kube-score/ignore", "").split(",") and len(said.get("flasky/why", "")) > 10


@pytest.mark.parametrize("name", RULES)
def test_the_rule_holds(world, name):
    owners = [one.owner if isinstance(one, Pod) else one for one in RULES[name](world)]
    wrong = [f"{one['kind']}/{one['metadata']['name']}" for one in owners if not excepted(one, name)]
    assert not wrong, f"{name}: {', '.join(wrong)}"


def test_no_exception_is_for_nothing(world):
    for owner in world.of("Deployment", "StatefulSet", "Job", "CronJob"):
        said = owner["metadata"].get("annotations", {})
        names = {name.removeprefix(LINTER) for name in said if name.startswith(LINTER)}
        names |= set(filter(None, said.get("kube-score/ignore", "").split(",")))
        for name in names:
            owners = [one.owner if isinstance(one, Pod) else one for one in RULES[name](world)]
            assert owner in owners, f"{owner['metadata']['name']} needs no exception from {name}"
