"""`flask backup FILE` and `flask restore FILE`."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import click
import sqlalchemy as sa
from flask import current_app, g
from flask.cli import with_appcontext

from .. import __version__
from ..database import Database, database
from ..events import iso, now
from ..schema import folder, newest_revision, upgrade
from ..settings import settings
from . import Restoring, files, restoring, unsettled
from .databases import database_at, kind_of
from .files import Manifest, Position, Refused
from .settled import told_what_is_away
from .unsettled import Memory, Unsettled


@contextmanager
def told() -> Iterator[None]:
    """Whatever refuses is one line."""
    try:
        with told_what_is_away():
            yield
    except Refused as refused:
        raise click.ClickException(f"{current_app.name}: {refused}") from None


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_appcontext
def backup(file: Path) -> None:
    """Write a backup of this service's database to FILE, while it serves."""
    with told():
        manifest = save(file)
    size = file.stat().st_size / 1_000_000
    click.echo(f"{current_app.name}: {file}, {size:.1f} MB, schema {manifest.position.schema}")


def save(file: Path) -> Manifest:
    """Raises `Refused`."""
    if file.exists():
        raise Refused(f"{file} is there already")
    content = file.with_name(f".{file.name}.content")
    taken_at = iso(now())
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        position = database_at(settings.database_url).save(content, position_of)
        kind, code = kind_of(settings.database_url), current_app.extensions["version"]
        manifest = Manifest(current_app.name, kind, taken_at, code, __version__, position)
        files.write(file, manifest, content)
    except OSError as error:
        raise Refused(f"{file} cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            content.unlink(missing_ok=True)
    return manifest


def position_of(connection: sa.Connection) -> Position:
    """How far the service has come, as this connection sees it."""
    db: Database = current_app.extensions["sqlalchemy"]
    outbox, inbox = db.outbox.c, db.inbox.c
    if sa.inspect(connection).has_table(unsettled.TABLE.name):
        raise Refused(str(Unsettled()))
    try:
        schema = connection.scalar(sa.text("SELECT max(version_num) FROM alembic_version"))
    except sa.exc.DBAPIError:
        raise Refused("the database has no schema; there is nothing to back up") from None
    written = connection.execute(
        sa.select(outbox.id, outbox.event_id).order_by(outbox.id.desc()).limit(1)
    ).first()
    handled = sa.select(inbox.event_id, inbox.handled_at).order_by(inbox.handled_at.desc())
    newest = connection.execute(handled.limit(1)).first()
    unsent = sa.select(sa.func.count()).select_from(db.outbox).where(outbox.sent_at.is_(None))
    highest = {
        table.name: connection.scalar(sa.select(sa.func.max(table.autoincrement_column))) or 0
        for table in restoring.giving_ids(db)
    }
    return Position(
        schema=schema,
        newest_event=written.event_id if written else "",
        newest_event_number=written.id if written else 0,
        unsent=connection.scalar(unsent) or 0,
        newest_handled=newest.event_id if newest else "",
        newest_handled_at=iso(newest.handled_at) if newest else "",
        highest=highest,
    )


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--force", is_flag=True, help="Also where there is something: it is lost.")
@with_appcontext
def restore(file: Path, force: bool) -> None:
    """Replace this service's database by the backup in FILE. The service must not be running."""
    with told():
        manifest = load(file, force)
    click.echo(f"{current_app.name}: as of {manifest.taken_at}; start it, then resend and audit")


def load(file: Path, force: bool) -> Manifest:
    """Raises `Refused`, and has then changed nothing."""
    content = file.with_name(f".{file.name}.{now():%H%M%S%f}.content")
    with files.opened(file, content) as manifest, passing():
        refuse_others(manifest)
        rules = current_app.extensions["restoring"] or Restoring()
        memory = refuse_or_remember(rules, force)
        release()
        database_at(settings.database_url).load(content, unsettled.mark(memory))
        upgrade()
        restoring.settle(rules, datetime.fromisoformat(manifest.taken_at), memory)
        return manifest


@contextmanager
def passing() -> Iterator[None]:
    """We may use a database that nobody else may use yet; our connections end with that."""
    g.settling = True
    try:
        yield
    finally:
        g.settling = False
        release()


def refuse_others(manifest: Manifest) -> None:
    if manifest.service != current_app.name:
        raise Refused(f"this is a backup of {manifest.service}")
    if manifest.kind != (kind := kind_of(settings.database_url)):
        raise Refused(f"this is a backup from {manifest.kind}, and DATABASE_URL is {kind}")
    known = newest_revision(folder())
    if manifest.position.schema > known:
        found = manifest.position.schema
        raise Refused(f"its schema is {found}, this code knows only {known}: upgrade first")


def refuse_or_remember(rules: Restoring, force: bool) -> Memory:
    """What must not be forgotten. Where a restore was broken off there is nothing to lose."""
    release()
    if database_at(settings.database_url).in_use():
        raise Refused("the database is in use: stop the service and its worker first")
    tables = sa.inspect(database.engine).get_table_names()
    if tables and not force and unsettled.TABLE.name not in tables:
        raise Refused("the database is not empty: --force replaces what is in it (make: FORCE=1)")
    try:
        return restoring.remember(rules, tables)
    except OSError as error:
        raise Refused(f"{error.filename} cannot be read: {error.strerror}") from None


def release() -> None:
    """Lets go of every connection of this process."""
    database.session.remove()
    database.engine.dispose()
    current_app.extensions["reader"].dispose()
