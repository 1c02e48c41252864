"""Health: `/livez` says the process runs, `/readyz` says it can do its work, `/metrics` says how it fares.

Not to be reached from outside. The bus is told but does not make an API unready: without it writes wait in
the outbox and answers go on.
"""

from collections.abc import Callable

from flask import Blueprint, Flask, Response, current_app

from . import metrics
from .access import Answer, public

api = Blueprint("health", __name__)
Check = Callable[[], str]
"""Returns what is wrong, or nothing."""


@api.get("/livez")
@public()
def livez() -> Answer:
    return Answer({"status": "alive"})


@api.get("/readyz")
@public()
def readyz() -> Answer:
    checks: dict[str, tuple[Check, bool]] = current_app.extensions["checks"]
    found = {name: check() for name, (check, _) in checks.items()}
    ready = not any(found[name] for name, (_, needed) in checks.items() if needed)
    body = {
        "status": "ready" if ready else "not ready",
        "checks": {name: wrong or "good" for name, wrong in found.items()},
    }
    return Answer(body, 200 if ready else 503)


@api.get("/metrics")
@public()
def scrape() -> Response:
    return metrics.scrape(current_app)


def only_to_serve(app: Flask, name: str, check: Check) -> None:
    """A check of the processes that answer requests; a worker may be given less, and does without."""
    app.extensions["checks"][name] = (check, True)
    app.extensions["only_to_serve"].add(name)


def install(app: Flask) -> None:
    app.extensions |= {"checks": {}, "only_to_serve": set()}
    app.register_blueprint(api)
