"""What the rendered manifests promise: valid, adding up, and nothing is taken away too early."""

import re
import subprocess
from pathlib import Path

import pytest

from chassis import gunicorn
from deploy.k8s import render

from .world import ENDS, OURS, world_of

ROOT = Path(__file__).parents[2]
CHECKS = ROOT / ".checks" / "bin"
# Kinds that operators bring; kubernetes-validate knows those of Kubernetes itself.
BROUGHT = {
    "Cluster", "ExternalSecret", "Permission", "PodMonitor", "Pooler", "PrometheusRule", "RabbitmqCluster",
    "ScaledObject", "ScheduledBackup", "ServiceMonitor", "TriggerAuthentication", "User", "Vhost",
}  # fmt: skip
BACKUPS = ("auth-backup", "posts-backup", "social-backup")


@pytest.fixture(params=render.OVERLAYS, scope="module")
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp(request.param) / "all.yaml"
    made.write_text(render.text(request.param))
    return made


def test_every_manifest_is_valid(file):
    command = [CHECKS / "kubernetes-validate", "--strict", "-k", "1.30", file]
    checked = subprocess.run(command, capture_output=True, text=True)
    unknown = set(re.findall(r"schema for kind (\w+) with", checked.stdout + checked.stderr))
    assert (checked.returncode, unknown - BROUGHT) == (0, set()), checked.stdout + checked.stderr


def test_checkov_finds_nothing(tmp_path):
    """All overlays at once; what is left out says why in its annotation."""
    for overlay in render.OVERLAYS:
        (tmp_path / f"{overlay}.yaml").write_text(render.text(overlay))
    command = [CHECKS / "checkov", "--skip-download", "--compact", "--quiet", "-d", tmp_path]
    checked = subprocess.run([*command, "--framework", "kubernetes"], capture_output=True, text=True)
    counts = re.search(r"Passed checks: (\d+), Failed checks: (\d+)", checked.stdout)
    assert counts, checked.stdout + checked.stderr
    assert int(counts[1]) > 1000, checked.stdout
    assert int(counts[2]) == 0, checked.stdout
    reasons = re.findall(r"checkov.io/skip\d+: (.*)", "".join(map(render.text, render.OVERLAYS)))
    assert all(len(reason.partition("=")[2]) > 15 for reason in reasons)


def test_every_image_has_a_tag_or_digest_and_the_jobs_are_of_the_same_release(world):
    images = {one["image"] for pod in world.ours() for one in pod.containers}
    releases = {re.fullmatch(r".+(?::([\w.-]+)|@(sha256:[0-9a-f]{64}))", image)[1] for image in images}
    assert len(images) == len(OURS) + len(BACKUPS)
    assert len(releases) == 1
    [release] = releases
    suffix = "-" + release.replace(".", "-") if release else "-"
    assert all(pod.name.endswith(suffix) or not release for pod in world.pods("Job"))


def test_one_machine_runs_the_images_it_was_given(world):
    """They are in no registry, so that what would pull them, jobs and backups too, would never start."""
    policies = {one["imagePullPolicy"] for pod in world.ours() for one in pod.containers}
    assert policies == {"IfNotPresent" if world.overlay == "local" else "Always"}


def test_a_release_grows_the_schema_before_and_tidies_it_after(world):
    jobs = {pod.name: pod for pod in world.pods("Job")}
    for service in ("auth", "posts", "social"):
        for phase in ("expand", "contract"):
            [pod] = [pod for name, pod in jobs.items() if name.startswith(f"{service}-{phase}-")]
            assert pod.owner["metadata"]["labels"]["flasky/phase"] == phase
            assert pod.containers[0]["command"] == ["flask", "prepare", "--phase", phase]


def probe_time(probe: dict) -> int:
    return probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)


def test_the_times_of_an_ending_add_up(world):
    """Nobody is cut off: nodes hear of the end, gunicorn finishes, and only then would the kubelet kill."""
    for pod in world.ours():
        if pod.role in ENDS:
            continue
        [container] = pod.containers
        hook = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["", "0"])
        pause = int(hook[1])
        assert (pause > 0) == (pod.role == "api"), f"{pod}: nobody calls a worker, and everybody an API"
        assert pause + gunicorn.graceful_timeout + 5 <= pod.spec["terminationGracePeriodSeconds"], pod
        if pod.role == "api":
            assert container["readinessProbe"]["periodSeconds"] <= pause, pod
            assert gunicorn.graceful_timeout >= 3 * 5.0, "the longest answer takes 5 s"


def test_probes_ask_different_things_and_life_needs_no_database(world):
    for pod in world.ours():
        if pod.role in ENDS:
            continue
        [container] = pod.containers
        startup, live, ready = (container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness"))
        assert "tcpSocket" in startup
        assert live["httpGet"]["path"] == "/livez"  # chassis.health: it asks nothing of anybody
        assert ready["httpGet"]["path"] == "/readyz"
        assert probe_time(ready) < probe_time(live), "first no more requests, then a new start"
        assert probe_time(startup) >= 60


def test_rollouts_take_nothing_away_before_the_new_one_is_ready(world):
    for pod in world.ours():
        if pod.owner["kind"] == "Deployment":
            assert pod.owner["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_nobody_may_ask_the_cluster_for_anything(world):
    assert all(account["automountServiceAccountToken"] is False for account in world.of("ServiceAccount"))
    assert all(pod.spec["automountServiceAccountToken"] is False for pod in world.pods())
    assert not world.of("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")


def test_the_namespace_is_restricted(world):
    [namespace] = world.of("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    here = [one for one in world.manifests if one["kind"] not in ("Namespace", "PriorityClass")]
    assert {one["metadata"]["namespace"] for one in here} == {"flasky"}


def test_workers_grow_with_their_own_queue():
    for overlay in ("production", "scale"):
        for scaler in world_of(overlay).of("ScaledObject"):
            service = scaler["metadata"]["name"].removesuffix("-worker")
            [trigger] = scaler["spec"]["triggers"]
            assert (trigger["type"], trigger["metadata"]["queueName"]) == ("rabbitmq", service)


def test_a_database_behind_a_pooler_sets_on_the_role_what_cannot_be_set_on_a_connection():
    scale = world_of("scale")
    for service in ("auth", "posts", "social"):
        cluster, pooler = scale.named("Cluster", f"{service}-db"), scale.named("Pooler", f"{service}-pooler")
        assert pooler["spec"]["pgbouncer"]["poolMode"] == "transaction"
        said = " ".join(cluster["spec"]["bootstrap"]["initdb"]["postInitApplicationSQL"])
        assert {"statement_timeout", "lock_timeout"} <= set(re.findall(r"SET (\w+)", said))
    for pod in scale.ours():
        pooled = "DATABASE_POOLER" in scale.environment(pod)
        assert pooled == (pod.service in ("auth", "posts", "social") and pod.role not in ENDS), pod


def test_connections_of_all_processes_fit_into_each_server():
    """Each has two pools of its threads and two more; behind a pooler only the pooler's own count."""
    each = 2 * (8 + 2) + 1
    production = world_of("production")
    for service in ("auth", "posts", "social"):
        most = production.named("HorizontalPodAutoscaler", f"{service}-api")["spec"]["maxReplicas"]
        most += production.named("ScaledObject", f"{service}-worker")["spec"]["maxReplicaCount"]
        server = production.named("Cluster", f"{service}-db")["spec"]["postgresql"]["parameters"]
        assert (most + 1) * each <= int(server["max_connections"]), service


def test_pinning_writes_digests_and_the_name_of_the_release():
    from deploy.k8s import pin

    digests = {image: f"sha256:{number:064x}" for number, image in enumerate((*OURS, *BACKUPS))}
    for folder in pin.FILES:
        text = (pin.HERE / folder / "kustomization.yaml").read_text()
        written = pin.pinned(text, "1.2.0", digests)
        assert "newTag" not in written
        assert all(f"digest: {digest}}}" in written for digest in digests.values())
        assert ("nameSuffix: -1-2-0" in written) == ("nameSuffix" in text)


@pytest.mark.parametrize("service", ["auth", "posts", "social"])
def test_no_service_is_pinned_without_its_backups(service):
    from deploy.k8s import pin

    digest = f"sha256:{7:064x}"
    for folder in pin.FILES:
        text = (pin.HERE / folder / "kustomization.yaml").read_text()
        with pytest.raises(
            SystemExit, match=f"{service} has an image of backups too: give {service}-backup="
        ):
            pin.pinned(text, "1.2.0", {service: digest})
        written = pin.pinned(text, "1.2.0", {service: digest, f"{service}-backup": digest})
        assert written.count(digest) == 2
