"""A Docker engine of the tests' own, and docker-compose.yml running on it."""

import functools
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import requests

from chassis.testing.polling import eventually

from ..people import Blog, Person

ROOT = Path(__file__).parents[3]
SERVICES = ("auth", "posts", "social", "gateway", "web")
STATEFUL = ("auth", "posts", "social")
ADMINISTRATOR = "root@example.com"


@functools.cache
def composer() -> list[str]:
    second = subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
    return ["docker", "compose"] if second else ["docker-compose"]


class Engine:
    """dockerd with all it keeps in one folder. One that DOCKER_HOST names already is used as it is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if "DOCKER_HOST" in os.environ:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        places = {"--data-root": "root", "--exec-root": "run", "-p": "docker.pid"}
        options = [word for name, place in places.items() for word in (name, str(self._folder / place))]
        os.environ["DOCKER_HOST"] = f"unix://{self._folder}/docker.sock"
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["dockerd", *options, "-H", os.environ["DOCKER_HOST"]],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(lambda: subprocess.run(["docker", "info"], capture_output=True).returncode == 0, within=60)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)
            del os.environ["DOCKER_HOST"]


class Site:
    """The blog of docker-compose.yml, with settings and secrets in a folder of the test's."""

    def __init__(self, folder: Path, port: int, mail_port: int) -> None:
        self.folder, self.url, self.mails = (
            folder,
            f"http://127.0.0.1:{port}",
            f"http://127.0.0.1:{mail_port}",
        )
        self.public_url, self.administrator = self.url, ADMINISTRATOR
        self.settings = {
            "COMPOSE_PROJECT_NAME": f"flasky{port}",
            "COMPOSE_PROFILES": "mail",
            "SECRETS": str(folder / "secrets"),
            "PUBLISH": f"127.0.0.1:{port}",
            "MAIL_PAGE": str(mail_port),
            "PUBLIC_URL": self.url,
            "FLASKY_ADMIN": ADMINISTRATOR,
        }

    def make(self, *targets: str) -> str:
        return self._run("make", *targets)

    def compose(self, *words: str, **settings: str) -> str:
        return self._run(*composer(), "--env-file", ".env.example", *words, **settings)

    def typed(self, line: str) -> str:
        """A line of a runbook, with this site's settings and folders."""
        names = {"backups/": f"{self.folder}/backups/", "docker-compose ": f"{' '.join(composer())} "}
        for name, here in names.items():
            line = line.replace(name, here)
        return self._run("bash", "-ec", line)

    def _run(self, *command: str, **settings: str) -> str:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | self.settings | settings,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def containers(self) -> dict[str, dict[str, Any]]:
        """What the engine knows of each container, by the name of its service."""
        label = f"label=com.docker.compose.project={self.settings['COMPOSE_PROJECT_NAME']}"
        ids = self._run("docker", "ps", "--all", "--quiet", "--filter", label).split()
        found = json.loads(self._run("docker", "inspect", *ids)) if ids else []
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}

    def container(self, service: str) -> dict[str, Any]:
        return self.containers()[service]

    def inside(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", "exec", self.container(service)["Id"], *command],
            capture_output=True,
            text=True,
            timeout=120,
        )

    def healthy(self, service: str) -> bool:
        state = self.container(service)["State"]
        return bool(state["Running"]) and state.get("Health", {}).get("Status") == "healthy"

    def answers(self) -> bool:
        """Whether a page that needs web and auth comes: of somebody who is not there."""
        try:
            return requests.get(f"{self.url}/user/nobody", timeout=10).status_code == 404
        except requests.RequestException:
            return False


class Town(Blog):
    """The blog as people meet it; their mail is in the sink."""

    stack: Any

    def mail(self, address: str, purpose: str) -> str:
        def newest() -> str:
            for mail in requests.get(f"{self.stack.mails}/mails.json", timeout=10).json():
                if address in mail["to"] and f"/auth/{purpose}/" in mail["text"]:
                    return str(mail["text"].partition(f"/auth/{purpose}/")[2].split()[0])
            return ""

        return eventually(newest, within=60)

    def surely(self, person: Person, body: str, key: str) -> int:
        """Publishes as a patient client does: again under the same key until answered. The post's id."""

        def publish() -> int:
            try:
                answer = person.ask("POST", "/posts/", json={"body": body}, headers={"Idempotency-Key": key})
            except requests.RequestException:
                return 0
            return int(answer.json()["id"]) if answer.status_code == 201 else 0

        return eventually(publish, within=120)
