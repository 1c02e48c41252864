"""Health: `/livez` says the process runs, `/readyz` says it can do its work, `/metrics` says how it fares.

Not to be reached from outside. The bus is told but does not make an API unready: without it writes wait in
the outbox and answers go on.
"""

import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from flask import Blueprint, Flask, Response, current_app

from . import metrics
from .access import Answer, public
from .database import database

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


def database_answers() -> str:
    try:
        database.value(sa.text("SELECT 1"))
    except sa.exc.SQLAlchemyError:
        return "the database does not answer"
    return ""


def schema_is_current() -> str:
    """The database must have reached the newest migration that this code knows."""
    wanted = newest_revision(Path(current_app.extensions["migrations"]))
    try:
        found = database.value(sa.text("SELECT max(version_num) FROM alembic_version"))
    except sa.exc.SQLAlchemyError:
        found = None
    return (
        ""
        if found is not None and found >= wanted
        else f"the schema is at {found}, this code needs {wanted}: run prepare"
    )


def newest_revision(migrations: Path) -> str:
    """Migrations are numbered, so the last file name begins with the newest revision."""
    return max(path.name.split("_")[0] for path in (migrations / "versions").glob("[0-9]*.py"))


class BusCheck:
    """Asks the bus at most every five seconds."""

    def __init__(self, app: Flask) -> None:
        self._app, self._asked, self._wrong = app, float("-inf"), ""

    def __call__(self) -> str:
        if time.monotonic() - self._asked > 5:
            self._wrong = (
                "" if self._app.extensions["bus"].reachable() else "the bus does not answer; events wait"
            )
            self._asked = time.monotonic()
        return self._wrong


def install(app: Flask) -> None:
    app.extensions["checks"] = {}
    if "sqlalchemy" in app.extensions:
        app.extensions["checks"] |= {
            "database": (database_answers, True),
            "schema": (schema_is_current, True),
        }
    if "bus" in app.extensions:
        app.extensions["checks"]["bus"] = (BusCheck(app), False)
    app.register_blueprint(api)
