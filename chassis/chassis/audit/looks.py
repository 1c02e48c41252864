"""Comparing: what looks wrong at the first look, and what is wrong at the second."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..database import database
from ..events import Event
from . import Copy, Counts, Values, owners

Row = Mapping[str, Any]
MOST_ROWS = 4  # times the size of a page: many may be there of which the owner knows nothing
NEVER = -1  # older than any version


@dataclass
class Look:
    """One page, as the owner told it and then as it was here; `wrong`: what looked wrong; `at`: when."""

    copy: Copy
    after: int
    limit: int
    until: int | None
    as_of: datetime
    states: dict[int, Event]
    rows: dict[int, Row]
    wrong: list[int]
    at: float = field(default_factory=time.monotonic)

    @property
    def size(self) -> int:
        return len(self.states.keys() | self.rows.keys())


def first(copy: Copy, after: int, limit: int) -> Look:
    """Asks the owner, then reads our rows of the same subjects. Raises `Unavailable`."""
    page = owners.page(copy, after, limit)
    rows = _rows(copy, after, page.until, most := limit * MOST_ROWS)
    until = max(rows) if len(rows) == most else page.until
    states = {id: state for id, state in page.states.items() if until is None or id <= until}
    wrong = [
        id
        for id in sorted(states.keys() | rows.keys())
        if differing(copy, wanted(copy, states.get(id)), rows.get(id))
    ]
    return Look(copy, after, limit, until, page.as_of, states, rows, wrong)


def _rows(copy: Copy, after: int, until: int | None, most: int) -> dict[int, Row]:
    key = copy.table.c[copy.key.key]
    query = sa.select(*copy.columns).where(key > after).order_by(key).limit(most)
    found = database.rows(query if until is None else query.where(key <= until))
    return {row[key.name]: row for row in found}


def row(copy: Copy, id: int) -> Row | None:
    """The row as it is now, locked until the end of the transaction."""
    key = copy.table.c[copy.key.key]
    query = sa.select(*copy.columns).where(key == id).with_for_update()
    return database.session.execute(query).mappings().first()


def wanted(copy: Copy, state: Event | None) -> Values | None:
    """What the columns should be; nothing if there should be no row."""
    return copy.absent if state is None else copy.as_row(state)


def kept(copy: Copy, state: Event | None) -> Values | None:
    """What the columns should be as far as the handler keeps it; the row is locked."""
    should = wanted(copy, state)
    return should if state is None or should is None or copy.keeps is None else copy.keeps(should)


def differing(copy: Copy, should: Values | None, found: Row | None) -> list[str]:
    """The parts that are not as they should be."""
    if found is None:
        return list(copy.parts) if should is not None and copy.absent is None else []
    if should is None:
        return list(copy.parts)
    return [
        part
        for part, columns in copy.parts.items()
        if any(name in should and should[name] != found[name] for name in (part, *columns))
    ]


@dataclass(frozen=True)
class Case:
    """Everything that is known of one row: told first, seen then, told later, found now under the lock.

    `arrived`: everything that the owner had said when it was first asked has had its effect here.
    """

    told: Values | None
    seen: Row | None
    later: Values | None
    found: Row | None
    arrived: bool

    def is_drift(self, part: str) -> bool:
        """Whether this part is wrong, not only late; see decision 0010."""
        if self.later is None:
            return self.seen is not None
        here, there = _version(self.found, part), _version(self.later, part)
        if here == there:
            return True
        if here > there:
            return _version(self.seen, part) > there
        return self.arrived and here < _version(self.told, part)

    def waits(self, part: str) -> bool:
        """Whether only time can tell: it is behind, and what it lacks may be on its way."""
        return not self.arrived and _version(self.found, part) < _version(self.told, part)

    def kind(self, part: str) -> str:
        if self.found is None:
            return "missing"
        if self.later is None:
            return "extra"
        here, there = _version(self.found, part), _version(self.later, part)
        return "changed" if here == there else "ahead" if here > there else "behind"


def _version(values: Row | None, part: str) -> int:
    return NEVER if values is None else int(values.get(part, NEVER))


def miscounted(counts: Counts, after: int, limit: int) -> tuple[list[int], list[int]]:
    """One page of rows: all their ids, and the ids of those that keep another number than one counts."""
    key = counts.table.c[counts.key.key]
    counted = [statement.label(f"counted_{name}") for name, statement in counts.counted.items()]
    columns = [key, *(counts.table.c[name] for name in counts.counted), *counted]
    found = database.rows(sa.select(*columns).where(key > after).order_by(key).limit(limit))
    wrong = [row for row in found if any(row[name] != row[f"counted_{name}"] for name in counts.counted)]
    return [row[key.name] for row in found], [row[key.name] for row in wrong]
