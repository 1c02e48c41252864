"""Parked events, for people: looked at, tried again, dropped for good.

By command (`flask dead …`), and over HTTP for other processes of this installation (`/internal/dead`). The
body of an event is never shown: it holds what people wrote. A try that is asked for over HTTP is the
worker's, which is replaced when a handler hangs; a request would only hang with it.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click
import sqlalchemy as sa
from flask import Blueprint

from . import inbox
from .access import Answer, internal
from .backup.settled import settled
from .database import database
from .events import iso, now
from .paging import Paging
from .problems import NotFound

log = logging.getLogger(__name__)
PAGE = 50
NUMBER = click.IntRange(1, 2**63 - 1)
SHOWN = (
    "id",
    "event_id",
    "type",
    "reason",
    "tries",
    "first_failed_at",
    "last_failed_at",
    "code_version",
)
api = Blueprint("dead", __name__, url_prefix="/internal/dead")


def parked(*ids: int) -> sa.ColumnElement[bool]:
    """These, or all, of those that wait for a person."""
    columns = database.parked.c
    waits = columns.next_try_at.is_(None)
    return waits & columns.id.in_(ids) if ids else waits


def shown(*ids: int) -> sa.Select[Any]:
    columns = database.parked.c
    return sa.select(*(columns[name] for name in SHOWN)).where(parked(*ids)).order_by(columns.id)


def told(row: Any) -> dict[str, Any]:
    """A row as JSON can say it."""
    values = ((name, row[name]) for name in SHOWN)
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in values}


def soon(*ids: int) -> int:
    """Lets the worker try these (or all) once more, at once. Returns how many they are."""
    change = sa.update(database.parked).where(parked(*ids)).values(next_try_at=now())
    changed: Any = database.session.execute(change)
    database.session.commit()
    return int(changed.rowcount)


def tried(ids: Iterable[int]) -> Iterable[tuple[int, str]]:
    """Tries each once more, here and now; gives its number and why it failed again, or nothing."""
    for id in ids:
        row = database.row(sa.select(database.parked).where(parked(id)))
        if row is not None:
            yield id, inbox.retry(row)


def drop(ids: Sequence[int]) -> Iterable[int]:
    """Forgets these for good; the log keeps that they were there, and why."""
    for row in database.rows(shown(*ids)):
        database.session.execute(sa.delete(database.parked).where(parked(row["id"])))
        database.session.commit()
        log.warning("parked event dropped", extra=told(row))
        yield row["id"]


@api.get("")
@internal()
def listed(paging: Paging) -> Any:
    """The parked events, oldest first."""
    rows = database.rows(shown().limit(PAGE).offset(paging.offset(PAGE)))
    count = database.value(sa.select(sa.func.count()).select_from(database.parked).where(parked()))
    after = paging.page + 1 if paging.page * PAGE < count else None
    return {"dead": [told(row) for row in rows], "count": count, "page": paging.page, "next_page": after}


@api.post("/<int:id>/retry")
@internal(status=202)
def retry_one(id: int) -> Answer:
    """One more try; 404 when this number is not parked."""
    if not soon(id):
        raise NotFound
    return Answer({"retrying": 1}, 202)


@api.post("/retry")
@internal(status=202)
def retry_all() -> Answer:
    """One more try for each."""
    return Answer({"retrying": soon()}, 202)


@click.group()
def dead() -> None:
    """Look at, return and drop parked events."""


@dead.command("list")
@settled
def list_command() -> None:
    """One line for each parked event: number, type, tries, first and last failure, version of the code,
    reason.
    """
    for row in database.rows(shown()):
        first, last = (f"{row[name]:%Y-%m-%dT%H:%M:%SZ}" for name in ("first_failed_at", "last_failed_at"))
        tries, code = f"{row['tries']} tries", f"code {row['code_version']}"
        columns = (row["id"], row["type"] or "-", tries, first, last, code, row["reason"])
        click.echo("\t".join(map(str, columns)))


@dead.command("retry")
@click.argument("numbers", nargs=-1, type=NUMBER)
@click.option("--all", "everything", is_flag=True, help="Every parked event.")
@settled
def retry_command(numbers: tuple[int, ...], everything: bool) -> None:
    """Handle parked events again, by their numbers; those that fail stay parked."""
    if not numbers and not everything:
        raise click.UsageError("name the numbers that `flask dead list` shows, or say --all")
    ids = [row["id"] for row in database.rows(shown(*(() if everything else numbers)))]
    _all_there(numbers, ids)
    failures = []
    for id, failure in tried(ids):
        failures.append(failure)
        click.echo(f"{id}\t{failure or 'handled'}")
    if any(failures):
        raise click.ClickException(f"{sum(map(bool, failures))} still parked")


@dead.command("drop")
@click.argument("numbers", nargs=-1, type=NUMBER, required=True)
@settled
def drop_command(numbers: tuple[int, ...]) -> None:
    """Forget parked events for good, by their numbers. What they told stays unheard."""
    dropped = list(drop(numbers))
    for id in dropped:
        click.echo(f"{id}\tdropped")
    _all_there(numbers, dropped)


def _all_there(numbers: Iterable[int], found: Sequence[int]) -> None:
    if missing := [str(number) for number in numbers if number not in found]:
        raise click.ClickException(f"not parked: {', '.join(missing)}")
