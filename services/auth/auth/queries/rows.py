"""What a query gives."""

from chassis.database import Row, Rows
from chassis.problems import NotFound

__all__ = ["Row", "Rows", "found"]


def found(row: Row | None) -> Row:
    if row is None:
        raise NotFound
    return row
