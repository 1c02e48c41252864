"""Each process of the manifests has what it needs and no more: secrets, settings, volumes."""

import importlib
import os
from pathlib import Path
from secrets import token_urlsafe

import pytest
from pydantic import SecretStr

from chassis.settings import Settings, variable

from .world import ENDS, Pod, World

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
ADDRESSES = {
    "DATABASE_URL_FILE": "postgresql://u:p@db/x",
    "BUS_URL_FILE": "amqp://u:p@bus:5672/x",
    "RATELIMIT_STORAGE_URL_FILE": "redis://:p@limits:6379/0",
}
STRONG = token_urlsafe(32)


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
