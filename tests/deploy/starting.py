"""A process in production, started with settings that a test gives."""

from pathlib import Path

import pytest
import requests

from chassis.testing.polling import eventually

SERVE = 'python -m chassis.gunicorn "posts.app:create_app()"'
COMMANDS = {
    "api": SERVE,
    "worker": "flask --app posts.app work",
    "prepare": "flask --app posts.app prepare --wait 0",
}
OTHERS = {
    "auth": SERVE.replace("posts.", "auth."),
    "social": SERVE.replace("posts.", "social."),
    "web": 'python -m chassis.gunicorn_evented "web.app:create_app()"',
    "gateway": 'python -m gateway.gunicorn "gateway.app:create_app()"',
}
EXITS = {SERVE: 4}  # gunicorn's word for an application that cannot be loaded; the others end with 1
SECRET = "kN3v-7sPq_xT2wLzR9dYb"
each = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


def last_words(process):
    """The lines that a person reads (ours are JSON), and the exit."""
    said, _ = process.communicate(timeout=60)
    return [
        line for line in said.splitlines() if line.strip() and not line.startswith("{")
    ], process.returncode


def answers(environment, service):
    """Whether the service runs: the gateway says so at a port of its own."""
    port = environment["OPS_PORT" if service == "gateway" else "PORT"]
    try:
        return requests.get(f"http://127.0.0.1:{port}/livez", timeout=5).ok
    except requests.ConnectionError:
        return False


def answering(process, environment, service, count=1):
    """The processes that answer for a server, once they do."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    eventually(lambda: len(children.read_text().split()) == count, within=60)
    eventually(lambda: answers(environment, service), within=60)
    return children.read_text().split()


def health(environment, name="PORT"):
    try:
        answer = requests.get(f"http://127.0.0.1:{environment[name]}/readyz", timeout=5)
    except requests.ConnectionError:
        return None
    return answer.status_code, answer.json()["checks"]


AUTH = {"SECRET_KEY": f"{SECRET}a", "POSTS_URL": "http://127.0.0.1:9"}
PREPARE_AUTH = COMMANDS["prepare"].replace("posts.", "auth.")
