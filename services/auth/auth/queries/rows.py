"""What a query gives."""

from collections.abc import Sequence

import sqlalchemy as sa

from chassis.problems import NotFound

Row = sa.RowMapping
Rows = Sequence[sa.RowMapping]


def found(row: Row | None) -> Row:
    if row is None:
        raise NotFound
    return row
