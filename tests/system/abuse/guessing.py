"""Guessing at passwords and logging in from any address, as whoever attacks would."""

import base64
import uuid
from typing import Any

import requests

from tests.browser.crowd import csrf_token
from tests.system.people import PASSWORD, Blog, Person


def told(what: str, tried: int, through: object) -> None:
    print(f"{what}: {tried} tried, {through}")


def basic(email: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{email}:{password}".encode()).decode()


def guess(house: Blog, email: str, address: str, password: str = "") -> requests.Response:
    """A password at the gateway, different each time so that nothing is remembered."""
    shown = basic(email, password or f"wrong {uuid.uuid4().hex}")
    headers = {"Authorization": shown, "X-Forwarded-For": address}
    return requests.get(f"{house.url}/api/v1/users/me", headers=headers, timeout=20)


def new_address() -> str:
    return f"2001:db8:{uuid.uuid4().hex[:4]}:{uuid.uuid4().hex[:4]}::1"


def browser_of(house: Blog) -> requests.Session:
    browser = requests.Session()
    browser.trust_env = False
    browser.headers.update(
        {"Origin": house.stack.public_url, "Referer": f"{house.stack.public_url}/auth/login"}
    )
    return browser


def log_in(house: Blog, browser: requests.Session, person: Person, address: str) -> requests.Response:
    """On the page, as a browser does."""
    page = f"{house.stack.public_url}/auth/login"
    headers = {"X-Forwarded-For": address}
    form = {"csrf_token": csrf_token(browser.get(page, headers=headers, timeout=20).text)}
    form |= {"email": person.email, "password": PASSWORD, "submit": "Log In"}
    return browser.post(page, data=form, headers=headers, timeout=20, allow_redirects=False)


def without_ids(problem: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in problem.items() if name != "request_id"}


def auc(ones: list[float], others: list[float]) -> float:
    """How often one of the first is slower than one of the others: 0.5 tells nothing."""
    wins = sum((one > other) + 0.5 * (one == other) for one in ones for other in others)
    return wins / (len(ones) * len(others))
