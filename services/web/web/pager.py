"""Pages of a list: which one this is, and which numbers lead to others."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from flask import request

from chassis import shapes

LAST = 1_000_000


def asked_page(name: str = "page") -> int:
    """`?page=N`; what is not a page means the first one."""
    try:
        return min(max(shapes.number(request.args.get(name, "1")), 1), LAST)
    except ValueError:
        return 1


def last_page(count: int, size: int) -> int:
    """The page with the newest of a list that grows at its end."""
    return max((count - 1) // size + 1, 1)


class Listed(Protocol):
    """Something that knows how many there are in all."""

    @property
    def count(self) -> int: ...


@dataclass(frozen=True)
class Pager:
    """One page of a list, and the way to its neighbours.

    Args:
        path: address of the list; `fragment` goes behind the page number.
    """

    path: str
    page: int
    listed: Listed
    size: int
    fragment: str = ""

    @property
    def pages(self) -> int:
        return math.ceil(self.listed.count / self.size)

    @property
    def has_prev(self) -> bool:
        return self.page > 1

    @property
    def has_next(self) -> bool:
        return self.page < self.pages

    @property
    def prev_num(self) -> int:
        """Out of range, the way back leads to the last page that there is."""
        return max(min(self.page - 1, self.pages), 1)

    @property
    def next_num(self) -> int:
        return self.page + 1

    def address(self, page: int) -> str:
        return f"{self.path}?page={page}{self.fragment}"

    def iter_pages(
        self, left_edge: int = 2, left_current: int = 2, right_current: int = 5, right_edge: int = 2
    ) -> Iterator[int | None]:
        """Page numbers, with None for each gap: page 50 of 100 gives 1 2 … 48-55 … 99 100."""
        shown = {*range(1, left_edge + 1), *range(self.pages - right_edge + 1, self.pages + 1)}
        shown |= set(range(self.page - left_current, self.page + right_current + 1))
        last = 0
        for number in sorted(number for number in shown if 1 <= number <= self.pages):
            if number != last + 1:
                yield None
            yield number
            last = number
