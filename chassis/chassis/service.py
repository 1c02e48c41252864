"""The factory of every service: one page that wires the rooms to the chassis."""

import gc
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask
from pydantic import BaseModel
from werkzeug.routing import IntegerConverter

from . import access, deadlines, error_mails, guard, health, logs, metrics, problems, tracing
from .settings import Settings
from .tokens import Verifier, jwks_reader
from .withdrawn import Withdrawn, changes_reader

if TYPE_CHECKING:
    from .backup import Restoring
    from .database import Database
    from .inbox import Consumers
    from .retention import Retention
    from .snapshots import Snapshot
    from .worker import Job


class Service(Flask):
    """Flask, without the question that it asks of each function before each call: here none is `async`."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


class Int64(IntegerConverter):
    """`<int:…>` in a path; what no database could hold is simply not there (404), nor is what is no number to
    JSON: a zero in front, the digits of other scripts.

    By the pattern, not by `max`: that is looked at after the method, and would answer 405 for some methods.
    """

    regex = "(?:0|[1-9][0-9]{0,17})"


def create_service(
    name: str,
    settings: Settings,
    *,
    home: Path,
    version: str,
    apis: Iterable[Blueprint],
    db: "Database | None" = None,
    consumers: "Consumers | None" = None,
    publishes: Mapping[str, type[BaseModel]] | None = None,
    unheard: Iterable[str] = (),
    snapshots: "Mapping[str, Snapshot] | None" = None,
    seeds: Iterable[Callable[[], None]] = (),
    jobs: "Iterable[Job]" = (),
    restoring: "Restoring | None" = None,
    keeps: "Iterable[Retention]" = (),
) -> Flask:
    """A Flask application with everything a service here has.

    Args:
        home: the service's folder, with `migrations/` and `contract/` in it.
        db: its database. All below, and `consumers`, is for a service that has one.
        publishes: shape of the data of each event it publishes, by type.
        unheard: those of them that nobody listens to yet; without this an event that no queue takes waits.
        snapshots: the current state of every subject, page by page, by event type (see `snapshots`).
        seeds: steps of `flask prepare` after the migration; each safe to repeat.
        jobs: what its worker does besides events.
        restoring: what holds when its database was put back from a backup.
        keeps: how long rows of its own tables are kept; those of the chassis are known.
    """
    of_a_database: dict[str, Any] = {
        "publishes": dict(publishes or {}),
        "unheard": frozenset(unheard),
        "snapshots": dict(snapshots or {}),
        "seeds": list(seeds),
        "jobs": list(jobs),
        "restoring": restoring,
        "keeps": list(keeps),
    }
    if db is None:
        _refuse(name, of_a_database | {"consumers": consumers})
    app = _application(name, settings)
    app.extensions |= {"settings": settings, "version": version, "migrations": str(home / "migrations")}
    if settings.jwks_url:
        app.extensions["verifier"] = verifier_of(settings)
    _install_what_all_have(app, settings)
    if db is not None:
        # Here, so that a service without a database does not load what only those need.
        from . import stateful

        app.extensions |= of_a_database
        stateful.install(app, db, settings, consumers)
    for api in apis:
        app.register_blueprint(api)
    access.check(app)
    gc.freeze()
    gc.enable()
    return app


def _refuse(name: str, of_a_database: Mapping[str, Any]) -> None:
    """Without a database there is no worker, outbox or inbox: nothing would come of these."""
    if given := [argument for argument, value in of_a_database.items() if value]:
        raise RuntimeError(f"{name}: create_service without db does nothing with {', '.join(given)}")


def _application(name: str, settings: Settings) -> Flask:
    app = Service(name, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False
    app.url_map.converters["int"] = Int64
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body_bytes
    app.config["TESTING"] = settings.environment == "testing"
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app


def _install_what_all_have(app: Flask, settings: Settings) -> None:
    logs.configure(app.name, settings.log_level)
    error_mails.install(app.name, settings, logs.JsonLines(app.name))
    tracing.configure(app.name)
    metrics.install(app)
    logs.install(app)
    deadlines.install(app)
    problems.install(app)
    guard.install(app, settings)
    health.install(app)


def verifier_of(settings: Settings) -> Verifier:
    url, secret = settings.changes_url, settings.internal_secret.get_secret_value()
    return Verifier(
        jwks_reader(settings.jwks_url),
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        refresh=settings.jwks_refresh,
        withdrawn=Withdrawn(changes_reader(url, secret)) if url else None,
    )
