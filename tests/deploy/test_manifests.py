"""What the rendered manifests promise: valid, adding up, and each process has what it needs and no more."""

import importlib
import os
import re
import subprocess
from pathlib import Path
from secrets import token_urlsafe

import pytest
from pydantic import SecretStr

from chassis import gunicorn
from chassis.settings import Settings, variable
from deploy.k8s import render

from .world import OURS, Pod, World, world_of

ROOT = Path(__file__).parents[2]
CHECKS = ROOT / ".checks" / "bin"
# Kinds that operators bring; kubernetes-validate knows those of Kubernetes itself.
BROUGHT = {
    "Cluster", "ExternalSecret", "Permission", "PodMonitor", "Pooler", "PrometheusRule", "RabbitmqCluster",
    "ScaledObject", "ScheduledBackup", "ServiceMonitor", "TriggerAuthentication", "User", "Vhost",
}  # fmt: skip
# Who mounts which secret. Nobody has another's; `flasky-internal` is the credential between our services.
SECRETS = {
    "auth-api": {"flasky-internal", "flasky-mail", "auth-db-app", "auth-bus", "auth-secret", "auth-keys"},
    "auth-worker": {"flasky-internal", "flasky-mail", "auth-db-app", "auth-bus", "auth-secret"},
    "auth-prepare": {"flasky-internal", "auth-db-app", "auth-bus", "auth-secret", "auth-keys"},
    "auth-backup": {"flasky-internal", "auth-db-app", "auth-bus", "auth-secret", "auth-keys"},
    "posts-api": {"flasky-internal", "flasky-mail", "posts-db-app", "posts-bus"},
    "posts-worker": {"flasky-internal", "flasky-mail", "posts-db-app", "posts-bus"},
    "posts-prepare": {"flasky-internal", "posts-db-app", "posts-bus"},
    "posts-backup": {"flasky-internal", "posts-db-app", "posts-bus"},
    "social-api": {"flasky-internal", "flasky-mail", "social-db-app", "social-bus"},
    "social-worker": {"flasky-internal", "flasky-mail", "social-db-app", "social-bus"},
    "social-prepare": {"flasky-internal", "social-db-app", "social-bus"},
    "social-backup": {"flasky-internal", "social-db-app", "social-bus"},
    "gateway-api": {"flasky-internal", "flasky-mail", "gateway-limits"},
    "web-api": {"flasky-internal", "flasky-mail", "web-secret"},
}
OTHERS_READ = {
    "BIND", "OPS_BIND", "HOME", "FLASK_APP",  # gunicorn's settings, the system, Flask
    "POD_NAME",  # part of another
    "AUTH_URL", "POSTS_URL",  # whom workers compare their copies with
}  # fmt: skip
# Empty by default, and needed by everybody who has the setting; the rest of these is for one kind of process.
NEEDED = {"database_url", "bus_url", "jwks_url", "auth_url", "posts_url", "social_url", "web_url", "keys_dir"}
NOT_NEEDED = {
    "auth": {"jwks_url", "auth_url", "social_url"},  # its keys are in a folder
    "gateway": {"database_url", "bus_url", "jwks_url"},  # it finds the keys where auth is
    "web": {"database_url", "bus_url", "jwks_url"},
}
BACKUPS = ("auth-backup", "posts-backup", "social-backup")
ENDS = ("prepare", "backup")  # roles of jobs
ADDRESSES = {
    "DATABASE_URL_FILE": "postgresql://u:p@db/x",
    "BUS_URL_FILE": "amqp://u:p@bus:5672/x",
    "RATELIMIT_STORAGE_URL_FILE": "redis://:p@limits:6379/0",
}
STRONG = token_urlsafe(32)


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


def test_every_process_of_the_blog_runs(world):
    assert {pod.process for pod in world.ours()} == SECRETS.keys()


def test_each_process_has_its_own_secrets_only(world):
    for pod in world.ours():
        mounted = {volume["secret"]["secretName"] for volume in pod.spec["volumes"] if "secret" in volume}
        assert mounted == SECRETS[pod.process], pod


def test_every_secret_comes_from_somewhere(world):
    """From the store, or from CloudNativePG; on one machine from `python -m deploy.k8s.secrets`."""
    from deploy.k8s import secrets

    made = {one["spec"]["target"]["name"] for one in world.of("ExternalSecret")}
    made |= {f"{cluster['metadata']['name']}-app" for cluster in world.of("Cluster")}
    if world.overlay == "local":
        made = {secret["metadata"]["name"] for secret in secrets.all_of_them()}
    wanted = {
        volume["secret"]["secretName"]
        for pod in world.pods()
        for volume in pod.spec["volumes"]
        if "secret" in volume
    }
    assert wanted <= made


def told(world: World, pod: Pod, folder: Path) -> dict[str, str]:
    """The environment with its secret files moved to where this test may write them."""
    [container] = pod.containers
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    environment = world.environment(pod)
    for name in [name for name in environment if name.endswith("_FILE")]:
        path = Path(environment[name])
        assert str(path.parent) in mounts, f"{pod} reads {path}, which nothing is mounted at"
        here = folder / f"{pod.name}-{name}"
        here.write_text(ADDRESSES.get(name, STRONG))
        environment[name] = str(here)
    return environment


def test_whoever_is_probed_or_scraped_listens_to_the_pods_address(world):
    for pod in world.ours():
        assert pod.role in ENDS or world.environment(pod)["BIND"] == "0.0.0.0", pod


def settings_of(service: str) -> type[Settings]:
    module = "gateway.settings" if service == "gateway" else f"{service}.app"
    return importlib.import_module(module).Settings


@pytest.mark.parametrize("process", SECRETS)
def test_each_process_is_told_all_it_needs_and_starts_in_production(world, process, tmp_path, monkeypatch):
    for pod in [pod for pod in world.ours() if pod.process == process]:
        environment = told(world, pod, tmp_path)
        cls = settings_of(pod.service)
        known = {variable(name, field) for name, field in cls.model_fields.items()}
        names = {name.removesuffix("_FILE") for name in environment}
        assert names - known <= OTHERS_READ
        for name in list(os.environ):
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        loaded = cls.load(pod.service)
        given = {name for name, field in cls.model_fields.items() if variable(name, field) in names}
        needed = (NEEDED & cls.model_fields.keys()) - NOT_NEEDED.get(pod.service, set())
        assert loaded.environment == "production"
        assert needed <= given
        assert all(
            getattr(loaded, name).get_secret_value() == STRONG
            for name, field in cls.model_fields.items()
            if isinstance(field.default, SecretStr)
        )


# Who notes removals, and who reads of them when a backup is put back (with the image of backups).
JOURNAL = {"auth-api": False, "auth-worker": False, "auth-backup": True}  # process: whether only to read


def claims(pod: Pod) -> dict[str, str]:
    """The claim behind each mounted folder."""
    [container] = pod.containers
    volumes = {one["name"]: one.get("persistentVolumeClaim", {}) for one in pod.spec["volumes"]}
    mounts = {one["mountPath"]: volumes[one["name"]] for one in container["volumeMounts"]}
    return {path: claim["claimName"] for path, claim in mounts.items() if claim}


def mount(pod: Pod, path: str) -> dict:
    [container] = pod.containers
    return next(one for one in container["volumeMounts"] if one["mountPath"] == path)


def test_removals_are_noted_on_a_volume_that_no_backup_of_a_database_brings_back(world):
    """By whoever removes, each into a file of its own; it is read by whoever puts a backup back."""
    having = {pod.process: pod for pod in world.ours() if "auth-journal" in claims(pod).values()}
    assert having.keys() == JOURNAL.keys()
    files = {process: Path(world.environment(pod)["REMOVALS_JOURNAL"]) for process, pod in having.items()}
    assert len(set(files.values())) == len(files)
    for process, pod in having.items():
        folder = str(files[process].parent)
        assert claims(pod)[folder] == "auth-journal"
        assert mount(pod, folder).get("readOnly", False) == JOURNAL[process]
        assert files[process].suffix == ".journal", "what stands beside it is found by this"
        assert world.environment(pod)["POD_NAME"] in files[process].name, "two pods of one process"


def test_pods_on_several_nodes_can_have_the_journal(world):
    claim = world.named("PersistentVolumeClaim", "auth-journal")["spec"]
    if world.overlay == "local":  # one node
        assert claim["accessModes"] == ["ReadWriteOnce"]
    else:
        assert claim["accessModes"] == ["ReadWriteMany"]
        assert claim["storageClassName"], "the default class of most clusters is of one node's"


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
