"""Audits: whether the copies that a service keeps are what their owners hold, row by row (anti-entropy).

A consumer declares beside its handlers what a state of the owner makes of its rows:

    consumers.keeps(
        Copy("boxes", of="shop.box_made.v1", key=Box.id, parts={"version": ("label",)}, as_row=box_of)
    )

and the worker compares, one small page every few seconds, `flask audit` all at once. A repair is the owner's
state, handled like any event by the same handler, after the row has been made to look older than all.

What looks wrong need not be: the owner's news may be on its way. So a row is looked at twice, and is drift
only if it is (a) behind a version of which the source's watermark says that it has arrived, or (b) at the
owner's version with other content, or (c) ahead of a version that the owner held later than we read the row,
or (d) unknown to the owner, who was asked after we had read it. The row is judged under its lock, so nothing
newer is undone. Between the looks no lock and no transaction is held.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.orm import InstrumentedAttribute

from ..events import Event

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Copy:
    """Columns here that repeat what another service owns.

    Args:
        name: what people read in logs, metrics and answers of `flask audit`.
        of: the owner's snapshot; its first word is the owner, whose address is the setting `<owner>_url`.
        key: the subject's id, a whole number.
        parts: the columns that each version column speaks for.
        as_row: what a state says of these columns, versions included; a column left out may be anything.
        reads: shape of the states' data, if they are of no type that a handler takes.
        takes: writes a state, if no handler does.
        absent: the columns of a row of which the owner knows nothing. Without it there should be no such row;
            with it rows that are missing here are the business of another copy.
        holds: locks what the handler locks before it locks the row, so that two never block each other.
        drops: removes a row of which the owner knows nothing, with what hangs on it.
        keeps: what the handler keeps of `as_row` now, if that may be less; asked after `holds` of wrong rows.
    """

    name: str
    of: str
    key: InstrumentedAttribute[int]
    parts: Mapping[str, tuple[str, ...]]
    as_row: Callable[[Event], Values]
    reads: type[BaseModel] | None = None
    takes: Callable[[Event], None] | None = None
    absent: Values | None = None
    holds: Callable[[int, Event | None], Any] | None = None
    drops: Callable[[int], Any] | None = None
    keeps: Callable[[Values], Values] | None = None

    @property
    def owner(self) -> str:
        return self.of.partition(".")[0]

    @property
    def table(self) -> sa.Table:
        return self.key.class_.__table__

    @property
    def columns(self) -> list[sa.Column[Any]]:
        names = [name for part, others in self.parts.items() for name in (part, *others)]
        return [self.table.c[self.key.key], *(self.table.c[name] for name in names)]


@dataclass(frozen=True)
class Counts:
    """Numbers that a row keeps so that nobody has to count when they read.

    Args:
        counted: for each column the statement that counts, correlated with the row.
        holds: locks what keeps anybody from changing what is counted.
    """

    name: str
    key: InstrumentedAttribute[int]
    counted: Mapping[str, sa.ScalarSelect[Any]]
    holds: Callable[[int], Any]

    @property
    def table(self) -> sa.Table:
        return self.key.class_.__table__
