"""Rows by the thousand for tests of size, and how a database goes about a statement."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask

from ..events import now
from ..retention import Retention


def fill(app: Flask, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Inserts them, and tells the database what it now holds."""
    with app.app_context(), app.extensions["sqlalchemy"].engine.begin() as connection:
        connection.execute(sa.insert(table), rows)
    with app.extensions["reader"].connect() as connection:
        connection.exec_driver_sql("ANALYZE")


def moments(days: float, each_day: int) -> Iterator[datetime]:
    """So many moments a day for so many days, back from now; none on the edge of anything."""
    count = int(days * each_day)
    return (now() - timedelta(days=(number + 0.5) / each_day) for number in range(count))


def count(app: Flask, table: sa.Table) -> int:
    with app.extensions["reader"].connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def plan(app: Flask, kept: Retention) -> str:
    """The database's plan for one batch of removing."""
    reader = app.extensions["reader"]
    with app.app_context():
        statement = kept.statement(now() - kept.age())
    text = str(statement.compile(reader, compile_kwargs={"literal_binds": True}))
    explain = "EXPLAIN QUERY PLAN" if reader.dialect.name == "sqlite" else "EXPLAIN"
    with reader.connect() as connection:
        return "\n".join(str(row) for row in connection.exec_driver_sql(f"{explain} {text}").all())


def finds_by_index(app: Flask, kept: Retention) -> bool:
    """Whether what is over is found by the index of its moment, without reading the rest of the table.

    The outer step, by the primary key, is a hash or a nested loop as the database likes.
    """
    lines = plan(app, kept)
    return "USING" in lines and "INDEX" in lines if "SEARCH" in lines else "Index" in lines
