"""The commands of every service: `flask prepare`, `work`, `resend`, `audit`, `dead`, `backup`, `restore`,
`openapi`, `profile`.
"""

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import click
import sqlalchemy as sa
from flask import Flask, current_app
from flask.cli import with_appcontext

from . import openapi, schema
from .audit.passes import audit
from .backup.settled import settled
from .bus import Away, Message, NoQueue
from .database import database
from .dead import dead
from .freshness import watermarks
from .settings import settings
from .snapshots import Snapshot, everything
from .worker import Worker

log = logging.getLogger(__name__)
RETRY = 2.0
RESEND_BATCH = 200


@click.command()
@click.option("--wait", default=120.0, help="Seconds to go on trying while the database or the bus is away.")
@click.option("--phase", type=click.Choice(["all", "expand", "contract"]), default="all", show_default=True)
@settled
def prepare(wait: float, phase: str) -> None:
    """Migrate, seed, declare queues. Safe to repeat; needed before the first start and at each upgrade.

    Upgrading without a gap: `--phase expand` before the new release starts, which only adds;
    `--phase contract` once nothing of the old one runs, which takes away what only that one used.
    """
    deadline = time.monotonic() + wait
    steps = {"all": (schema.upgrade, *_rest()), "expand": (_expand, *_rest()), "contract": (schema.upgrade,)}
    for step in steps[phase]:
        _until_done(step, deadline)
    click.echo(f"{current_app.name}: prepared")


def _rest() -> list[Callable[[], None]]:
    return [*current_app.extensions["seeds"], _declare]


def _until_done(step: Callable[[], None], deadline: float) -> None:
    """Every outside thing may be late: says so, and tries again."""
    while True:
        try:
            return step()
        except (Away, sa.exc.OperationalError, sa.exc.InterfaceError) as error:
            reason = _reason(error)
            if time.monotonic() > deadline:
                raise click.ClickException(
                    f"{current_app.name}: {reason}. Check DATABASE_URL and BUS_URL."
                ) from error
            click.echo(f"{current_app.name}: {reason}; trying again in {RETRY:.0f} s", err=True)
            time.sleep(RETRY)


def _reason(error: Exception) -> str:
    if isinstance(error, Away):
        return str(error)
    if type(getattr(error, "orig", None)).__name__ == "LockNotAvailable":
        return "a table that has to change is in use"
    return "the database does not answer, or refuses the address or password"


def _expand() -> None:
    database.value(sa.text("SELECT 1"))  # away is not the same as empty
    try:
        target = schema.expanded(schema.folder(), schema.revision() or "")
    except ValueError as error:
        raise click.ClickException(f"{current_app.name}: {error}") from None
    schema.upgrade(target)


def _declare() -> None:
    types = current_app.extensions["consumers"].types
    if types:
        current_app.extensions["bus"].declare(current_app.name, types, watermarks(types))


@click.command()
@settled
def work() -> None:
    """Send and receive events, and do the periodic jobs, until TERM."""
    Worker(current_app._get_current_object(), current_app.extensions["jobs"]).run()  # type: ignore[attr-defined]


@click.command()
@click.argument("event", default="all")
@click.option("--to", "queue", help="The service whose queue gets them; without it, all who listen.")
@settled
def resend(event: str, queue: str | None) -> None:
    """Send the current state of every subject of EVENT (or of all events) to one service or to all who
    listen, while serving.
    """
    published = current_app.extensions["publishes"]
    snapshots = {
        name: snapshot for name, snapshot in current_app.extensions["snapshots"].items() if name in published
    }
    if event != "all" and event not in snapshots:
        raise click.UsageError(f"{event} is not one of: all, {', '.join(snapshots)}")
    for name in _heard(list(snapshots) if event == "all" else [event], queue):
        click.echo(f"{name}: {_resend(snapshots[name], queue)} sent to {queue or 'all who listen'}")


def _heard(names: list[str], queue: str | None) -> list[str]:
    """Those that this queue's service listens to: any other would be parked there, or lie for ever."""
    if queue is None:
        return names
    try:
        bound = current_app.extensions["bus"].bound(queue)
    except NoQueue as unknown:
        raise click.ClickException(f"{current_app.name}: {unknown}") from None
    heard = [name for name in names if bound is None or name in bound]
    if not heard:
        raise click.ClickException(f"{current_app.name}: {queue} does not listen to {', '.join(names)}")
    return heard


def _resend(snapshot: Snapshot, queue: str | None) -> int:
    batch, sent = [], 0
    for state in everything(snapshot):
        batch.append(Message(state.id, state.type, state.to_json()))
        if len(batch) == RESEND_BATCH:
            _send(queue, batch)
            batch, sent = [], sent + RESEND_BATCH
    _send(queue, batch)
    return sent + len(batch)


def _send(queue: str | None, batch: list[Message]) -> None:
    """Raises `Away` when somebody who should listen has no queue."""
    bus = current_app.extensions["bus"]
    if queue:
        bus.send(queue, batch)
        return
    publisher = bus.publisher()
    try:
        taken = publisher.publish(batch)
        unheard = current_app.extensions["unheard"]
        if any(message.id not in taken and message.type not in unheard for message in batch):
            raise click.ClickException("no queue takes these events; run `prepare` of their consumers")
    finally:
        publisher.close()


@click.command("openapi")
@with_appcontext
def write_contract() -> None:
    """Write contract/openapi.json and contract/events/*.json from the code."""
    folder = Path(current_app.extensions["migrations"]).parent / "contract"
    for path, content in contract(current_app).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
        click.echo(f"{folder.parent.name}/contract/{path}")


def contract(app: Flask) -> dict[str, dict]:  # type: ignore[type-arg]
    """What the service promises: its API document and the schema of each event's data."""
    version = app.extensions["version"]
    schemas = {
        f"events/{type}.json": shape.model_json_schema()
        for type, shape in app.extensions["publishes"].items()
    }
    return {"openapi.json": openapi.document(app, version), **schemas}


@click.command()
@click.option("--length", default=25, help="Functions to show for each request.")
@click.option("--profile-dir", type=click.Path(file_okay=False), help="Folder for one file a request.")
@with_appcontext
def profile(length: int, profile_dir: str | None) -> None:
    """Serve under the request profiler. Not for production."""
    from werkzeug.middleware.profiler import ProfilerMiddleware
    from werkzeug.serving import run_simple

    application = ProfilerMiddleware(current_app.wsgi_app, restrictions=(length,), profile_dir=profile_dir)
    run_simple("127.0.0.1", settings.port, application, threaded=False)


@click.command("db", context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def migrations(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Flask-Migrate's commands: revision, upgrade, downgrade, history, …"""
    from flask_migrate.cli import db

    db.main(args=list(words), prog_name=ctx.command_path, obj=ctx.obj)


def install(app: Flask) -> None:
    from .backup.cli import backup, restore  # here, because it asks for what is installed after this

    for command in (prepare, migrations, work, resend, audit, dead, backup, restore, write_contract, profile):
        app.cli.add_command(command)
