"""Paging: `?page=N` in, one collection out."""

from typing import Annotated, Any

from pydantic import BeforeValidator, create_model

from .links import absolute
from .shapes import Query, Shape, number

LAST_PAGE = 1_000_000


def _page(value: Any) -> int:
    """What is not a page number means the first page; nothing is a mistake."""
    try:
        return min(max(number(value), 1), LAST_PAGE)
    except ValueError:
        return 1


class Paging(Query):
    """Which page the caller wants."""

    page: Annotated[int, BeforeValidator(_page)] = 1

    def offset(self, size: int) -> int:
        return (self.page - 1) * size


def collection(
    key: str, items: list[Any], *, count: int, page: int, size: int, path: str, asked: str = ""
) -> dict[str, Any]:
    """One page of a list. `count` is the whole list's length; a page out of range is empty, not an error.

    `asked`: what else the query string says of the list, so that its neighbours say it too.
    """
    at = f"{absolute(path)}?{asked}&page=" if asked else f"{absolute(path)}?page="
    before = f"{at}{page - 1}" if page > 1 else None
    after = f"{at}{page + 1}" if page * size < count else None
    return {key: items, "prev_url": before, "next_url": after, "prev": before, "next": after, "count": count}


def collection_of(key: str, item: type[Shape], name: str) -> type[Shape]:
    """The shape of such a page, for the API document."""
    link = (str | None, None)
    return create_model(  # type: ignore[call-overload]
        name,
        __base__=Shape,
        prev_url=link,
        next_url=link,
        prev=link,
        next=link,
        count=(int, ...),
        **{key: (list[item], ...)},  # type: ignore[valid-type]
    )
