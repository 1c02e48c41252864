"""The mark of a database that was put back and is not fit for use yet.

It comes in the transaction that replaces everything, and goes in the one that makes the database fit. A
restore that was broken off in between leaves a database that refuses whoever connects, until another one is
done; and what that one could read nowhere else any more.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa
from flask import g, has_app_context

TABLE = sa.table("unsettled", sa.column("memory"))
LIFT = sa.text("DROP TABLE unsettled")
LOOK = {
    "sqlite": "SELECT name FROM sqlite_master WHERE name = 'unsettled'",
    "postgresql": "SELECT to_regclass('unsettled')",
}


class Unsettled(Exception):
    """The database bears the mark."""

    def __init__(self) -> None:
        super().__init__("a restore was broken off: run it again, nothing can be used before")


@dataclass(frozen=True)
class Memory:
    """What must not be forgotten with the database that is replaced, and the highest ids given there."""

    remembered: list[Any] = field(default_factory=list)
    highest: dict[str, int] = field(default_factory=dict)


def mark(memory: Memory) -> str:
    """The SQL that makes the mark, for both databases."""
    text = json.dumps(asdict(memory)).replace("'", "''")
    return f"CREATE TABLE unsettled (memory TEXT NOT NULL); INSERT INTO unsettled VALUES ('{text}');"  # noqa: S608 # nosec B608 # quoted


def refuse(kind: str, connection: Any, _: Any = None) -> None:
    """For each new connection, because a restore does not begin while there is one. It is as if the database
    were away, which everybody knows how to bear. Only the restore itself may pass.
    """
    if has_app_context() and g.get("settling"):
        return
    found = connection.cursor().execute(LOOK[kind]).fetchone()
    connection.rollback()
    if found and found[0]:
        connection.close()
        raise sa.exc.OperationalError(None, None, Unsettled()) from Unsettled()


def said(error: sa.exc.SQLAlchemyError) -> str:
    """Its sentence, if it is this that is wrong."""
    orig = getattr(error, "orig", None)
    return str(orig) if isinstance(orig, Unsettled) else ""
