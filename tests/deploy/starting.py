"""A process in production, started with settings that a test gives."""

import pytest
import requests

SERVE = 'python -m chassis.gunicorn "posts.app:create_app()"'
COMMANDS = {
    "api": SERVE,
    "worker": "flask --app posts.app work",
    "prepare": "flask --app posts.app prepare --wait 0",
}
SECRET = "kN3v-7sPq_xT2wLzR9dYb"
each = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


def last_words(process):
    """The lines that a person reads (ours are JSON), and the exit."""
    said, _ = process.communicate(timeout=60)
    return [
        line for line in said.splitlines() if line.strip() and not line.startswith("{")
    ], process.returncode


def health(environment, name="PORT"):
    try:
        answer = requests.get(f"http://127.0.0.1:{environment[name]}/readyz", timeout=5)
    except requests.ConnectionError:
        return None
    return answer.status_code, answer.json()["checks"]


AUTH = {"SECRET_KEY": f"{SECRET}a", "POSTS_URL": "http://127.0.0.1:9"}
PREPARE_AUTH = COMMANDS["prepare"].replace("posts.", "auth.")
