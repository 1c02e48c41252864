"""How far the schema of this service's database is, and how far it may go."""

import re
from pathlib import Path

import sqlalchemy as sa
from flask import current_app

from .database import database


def folder() -> Path:
    """Where the migrations of this service are."""
    return Path(current_app.extensions["migrations"])


def wrong() -> str:
    """The database must have reached the newest migration that this code knows."""
    wanted, found = newest_revision(folder()), revision()
    if found is not None and found >= wanted:
        return ""
    return f"the schema is at {found}, this code needs {wanted}: run prepare"


def upgrade(target: str = "head") -> None:
    """Brings the schema to a revision, if it is not there already."""
    if revision() == (max(revisions(folder())) if target == "head" else target):
        return
    import flask_migrate  # here, so that neither serving nor a `prepare` with nothing to do loads Alembic

    flask_migrate.upgrade(directory=str(folder()), revision=target)


def revision() -> str | None:
    """Where the schema is; nothing while there is none."""
    try:
        return database.value(sa.text("SELECT max(version_num) FROM alembic_version"))
    except sa.exc.SQLAlchemyError:
        return None


def revisions(migrations: Path) -> dict[str, bool]:
    """The numbers of all migrations in their order, each with whether it belongs to the contract phase: it
    says `phase = "contract"`, takes away what only former code used, and is not needed to serve.
    """
    files = sorted((migrations / "versions").glob("[0-9]*.py"))
    return {
        path.name.split("_")[0]: bool(re.search(r'^phase = "contract"$', path.read_text(), re.M))
        for path in files
    }


def newest_revision(migrations: Path) -> str:
    """What serving needs."""
    return max(number for number, contract in revisions(migrations).items() if not contract)


def expanded(migrations: Path, current: str) -> str:
    """How far the schema may grow while the release before still runs: up to the next contraction.

    Raises `ValueError` when what this release needs comes after one that has not been done yet.
    """
    pending = {number: contract for number, contract in revisions(migrations).items() if number > current}
    waiting = [number for number, contract in pending.items() if contract]
    allowed = [number for number in pending if not waiting or number < waiting[0]]
    needed = newest_revision(migrations)
    if waiting and needed > waiting[0]:
        raise ValueError(
            f"{needed} comes after {waiting[0]}, which tidies up: run `prepare --phase contract` of the"
            " release before, once nothing older runs"
        )
    return allowed[-1] if allowed else current
