"""docker-compose.yml and its secrets, read and checked; tests/system/compose brings it up."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from .compose import FILE, OURS, PARTS, ROOT, SERVING, TEXT

ONE_SHOTS = {f"{name}-prepare" for name in ("auth", "posts", "social")}
BACKUPS = {f"{name}-backup" for name in ("auth", "posts", "social")}
BLOG = {
    *ONE_SHOTS,
    *(f"{name}{kind}" for name in ("auth", "posts", "social") for kind in ("", "-worker")),
    *("web", "gateway", "postgres", "rabbitmq", "redis"),
}
PAGES = {"mail": "mail", "prometheus": "observability", "grafana": "observability"}
EXTRAS = PAGES | dict.fromkeys(BACKUPS, "backup")
# Who may know what, written down: everything that is not here is seen by nobody.
SECRETS = {
    "postgres": {"postgres_password", *(f"{name}_database_password" for name in ("auth", "posts", "social"))},
    "rabbitmq": {"rabbitmq_definitions.json"},
    "redis": {"redis.conf"},
    "auth": {"internal_secret", "secret_key", "auth_database_url", "auth_bus_url", "mail_password"},
    "posts": {"internal_secret", "mail_password", "posts_database_url", "posts_bus_url"},
    "social": {"internal_secret", "mail_password", "social_database_url", "social_bus_url"},
    "web": {"internal_secret", "mail_password", "web_secret_key"},
    "gateway": {"internal_secret", "mail_password", "redis_url"},
    "mail": set(),
    "prometheus": set(),
    "grafana": {"grafana_password"},
}
# Who can reach whom: each network and who is on it.
NETWORKS = {
    "edge": {"gateway", "prometheus", "grafana"},
    "outgoing": {"mail", *SERVING},
    "inside": {
        "gateway",
        "web",
        "prometheus",
        "auth",
        "auth-worker",
        "posts",
        "posts-worker",
        "social",
        "social-worker",
    },
    "data": {"postgres", "rabbitmq", "prometheus"}
    | BACKUPS
    | {f"{name}{kind}" for name in ("auth", "posts", "social") for kind in ("", "-worker", "-prepare")},
    "limits": {"redis", "gateway"},
}
every = pytest.mark.parametrize("name", PARTS)


def service_of(name):
    return name.removesuffix("-worker").removesuffix("-prepare").removesuffix("-backup")


def test_the_whole_blog_is_there_and_the_rest_by_profile():
    assert {name for name, part in PARTS.items() if "profiles" not in part} == BLOG
    assert {name: part["profiles"][0] for name, part in PARTS.items() if "profiles" in part} == EXTRAS


def test_nothing_is_used_that_compose_1_does_not_read():
    """Words that Compose 2 alone knows; Compose 1.29 refuses the whole file for one of them."""
    assert set(FILE) <= {"services", "networks", "volumes", "secrets"} | {
        key for key in FILE if key.startswith("x-")
    }
    words = {key for part in PARTS.values() for key in part}
    assert not words & {
        "name",
        "develop",
        "annotations",
        "attach",
        "provider",
        "gpus",
        "post_start",
        "pre_stop",
    }
    assert not [name for name, part in PARTS.items() if "start_interval" in part.get("healthcheck", {})]
    waits = [
        wait
        for part in PARTS.values()
        if isinstance(part.get("depends_on"), dict)
        for wait in part["depends_on"].values()
    ]
    assert all(set(wait) == {"condition"} for wait in waits)
    assert not re.search(r"\$\{[^}]*\$\{|\$\{\w+:?\+", TEXT), (
        "Compose 1 has no nested and no ${NAME:+…} values"
    )


@every
def test_a_container_can_do_little_harm(name):
    part = PARTS[name]
    assert part["read_only"] is True
    assert part["cap_drop"] == ["ALL"]
    assert part["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in part
    assert "/var/run/docker.sock" not in str(part.get("volumes"))
    assert not (name in OURS and "cap_add" in part)


@every
def test_a_container_has_limits_and_a_restart_policy(name):
    part = PARTS[name]
    assert re.fullmatch(r"\d+m", part["mem_limit"])
    assert 0 < part["cpus"] <= 1
    assert 0 < part["pids_limit"] <= 256
    ends = "on-failure" if name in ONE_SHOTS else "no" if name in BACKUPS else ""
    assert part["restart"] == (ends or "unless-stopped")
    assert part["logging"]["options"] == {"max-size": "10m", "max-file": "3"}


def test_a_server_may_have_as_many_processes_as_connections():
    """PostgreSQL forks for each; where that fails, requests wait and get 503 while it has room for them."""
    command = " ".join(PARTS["postgres"]["command"])
    connections = int(re.search(r"max_connections=(\d+)", command)[1])
    own = 6 + 3 + 8  # what it always has, its cleaners, and what large reads are shared out to
    assert PARTS["postgres"]["pids_limit"] >= connections + own


def measured():
    """Megabytes of each of our processes after the load, as the sheet of capacity has them."""
    rows = re.findall(r"^\| ([\w-]+) \| \d+ \| (\d+) \|", (ROOT / "bench/capacity.md").read_text(), re.M)
    return {name: int(megabytes) for name, megabytes in rows if name in OURS}


def test_limits_of_memory_leave_room_above_what_was_measured():
    found = measured()
    assert found.keys() == OURS.keys() - ONE_SHOTS - BACKUPS - {"mail"}
    assert not {name: mb for name, mb in found.items() if int(PARTS[name]["mem_limit"][:-1]) < 1.3 * mb}


@every
def test_a_container_is_watched(name):
    """By the HEALTHCHECK of our images, or one of its own; what ends when it is done needs none."""
    part = PARTS[name]
    if name in ONE_SHOTS | BACKUPS:
        assert part["healthcheck"] == {"disable": True}
    elif name in OURS:
        assert "healthcheck" not in part
    else:
        assert part["healthcheck"]["test"][0] == "CMD"


@every
def test_a_container_sees_its_own_secrets_and_no_others(name):
    part = PARTS[name]
    told = part.get("environment", {})
    assert set(part.get("secrets", [])) == SECRETS[service_of(name)]
    files = {
        value for key, value in told.items() if key.upper().endswith("_FILE") and "secrets" in str(value)
    }
    named = files | set(re.findall(r"/run/secrets/[\w.]+", str(part.get("command", ""))))
    assert {Path(file).name for file in named} <= SECRETS[service_of(name)]
    secretive = {key for key in told if re.search(r"SECRET|PASSWORD|_URL$|_KEY$", key)}
    addresses = {"PUBLIC_URL", "JWKS_URL", "AUTH_URL", "POSTS_URL", "SOCIAL_URL", "WEB_URL"}
    said = {key for key in secretive if not key.endswith("_FILE")} - addresses
    assert said <= {"PASSWORD_MIN_LENGTH"}


@every
def test_nothing_takes_a_whole_file_of_settings(name):
    assert "env_file" not in PARTS[name]


def test_only_the_gateway_is_reached_from_outside():
    published = {name: part["ports"] for name, part in PARTS.items() if "ports" in part}
    assert published.pop("gateway") == ["${PUBLISH:-8000}:8000"]
    assert set(published) == set(PAGES)
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_everybody_reaches_only_whom_they_need():
    members = {
        network: {name for name, part in PARTS.items() if network in part["networks"]} for network in NETWORKS
    }
    assert members == NETWORKS
    inner = {name for name, options in FILE["networks"].items() if options.get("internal")}
    assert inner == {"inside", "data", "limits"}


@pytest.mark.parametrize("name", OURS)
def test_our_containers_run_in_production_mode_with_what_they_may_write_in_memory(name):
    part = PARTS[name]
    assert part["tmpfs"] == ["/tmp"]
    assert part.get("volumes", []) == (["keys:/keys"] if service_of(name) == "auth" else [])
    assert name == "mail" or part["environment"]["FLASK_CONFIG"] == "production"


def test_workers_know_their_neighbours_and_tell_their_health():
    for name in ("auth-worker", "posts-worker", "social-worker"):
        told = PARTS[name]["environment"]
        assert told["WORKER_PORT"] == 8001
        assert [told[f"{other}_URL"] for other in ("AUTH", "POSTS", "SOCIAL")] == [
            f"http://{other}:8000" for other in ("auth", "posts", "social")
        ]
        assert PARTS[name]["command"] == ["flask", "work"]


def test_every_secret_and_volume_is_used_and_every_used_one_is_there():
    used = {secret for part in PARTS.values() for secret in part.get("secrets", [])}
    assert used == set(FILE["secrets"])
    volumes = {volume.split(":")[0] for part in PARTS.values() for volume in part.get("volumes", [])}
    assert {volume for volume in volumes if not volume.startswith(".")} == set(FILE["volumes"])
    assert all((ROOT / volume).exists() for volume in volumes if volume.startswith("./deploy/compose"))


def test_every_setting_of_the_file_is_in_the_example_or_has_a_default():
    asked = set(re.findall(r"\$\{(\w+)([^}]*)\}", TEXT))
    assert all(default.startswith((":-",)) for _, default in asked)
    offered = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    compose_own = {"COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"}
    assert offered - compose_own <= {name for name, _ in asked}


def test_scripts_are_whole():
    for script in (f"deploy/compose/{name}.sh" for name in ("secrets", "backup", "postgres/roles")):
        assert os.access(ROOT / script, os.X_OK)
        subprocess.run(["bash", "-n", ROOT / script], check=True, timeout=20)
