"""What the linters ask of workloads, of what leads to pods, and of every manifest."""

import re

from .rules import Found, rule
from .world import Manifest, Pod, World, chosen


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
