"""The factory of every service: one page that wires the rooms to the chassis."""

import gc
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from flask import Blueprint, Flask
from flask_migrate import Migrate
from pydantic import BaseModel
from werkzeug.routing import IntegerConverter

from . import access, cli, database, health, inbox, logs, metrics, problems
from .bus import open_bus
from .events import Event
from .settings import Settings
from .tokens import Verifier, jwks_reader
from .worker import Job


class Int64(IntegerConverter):
    """`<int:…>` in a path; what no database could hold is simply not there (404).

    By the pattern, not by `max`: that is looked at after the method, and would answer 405 for some methods.
    """

    regex = r"\d{1,18}"


def create_service(
    name: str,
    settings: Settings,
    *,
    home: Path,
    version: str,
    apis: Iterable[Blueprint],
    db: database.Database | None = None,
    consumers: inbox.Consumers | None = None,
    publishes: Mapping[str, type[BaseModel]] | None = None,
    unheard: Iterable[str] = (),
    snapshots: Mapping[str, Callable[[], Iterable[Event]]] | None = None,
    seeds: Iterable[Callable[[], None]] = (),
    jobs: Iterable[Job] = (),
) -> Flask:
    """A Flask application with everything a service here has.

    Args:
        home: the service's folder, with `migrations/` and `contract/` in it.
        publishes: shape of the data of each event it publishes, by type.
        unheard: those of them that nobody listens to yet; without this an event that no queue takes waits.
        snapshots: for `flask resend`: the current state of every subject, by event type.
        seeds: steps of `flask prepare` after the migration; each safe to repeat.
        jobs: what its worker does besides events.
    """
    app = Flask(name, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False
    app.url_map.converters["int"] = Int64
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["TESTING"] = settings.environment == "testing"
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.extensions |= {
        "settings": settings,
        "version": version,
        "migrations": str(home / "migrations"),
        "publishes": dict(publishes or {}),
        "unheard": frozenset(unheard),
        "snapshots": dict(snapshots or {}),
        "seeds": list(seeds),
        "jobs": list(jobs),
    }
    logs.configure(name, settings.log_level)
    if settings.jwks_url:
        app.extensions["verifier"] = verifier_of(settings)
    if db is not None:
        database.install(app, db, settings)
        Migrate(app, db, directory=str(home / "migrations"))
        app.extensions["bus"] = open_bus(settings.bus_url)
    metrics.install(app)
    logs.install(app)
    problems.install(app)
    inbox.install(app, consumers or inbox.Consumers())
    health.install(app)
    for api in apis:
        app.register_blueprint(api)
    access.check(app)
    cli.install(app)
    gc.freeze()
    return app


def verifier_of(settings: Settings) -> Verifier:
    return Verifier(
        jwks_reader(settings.jwks_url),
        issuer=settings.token_issuer,
        audience=settings.token_audience,
        refresh=settings.jwks_refresh,
    )
