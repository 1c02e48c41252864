"""What the world gives things, and gets from it."""

from typing import Any

from chassis.links import absolute
from chassis.paging import collection_of
from chassis.shapes import Line, Moment, Shape


class Wish(Shape):
    """What a new thing is to be."""

    name: Line


class Thing(Shape):
    id: int
    url: str
    name: str
    timestamp: Moment


Things = collection_of("things", Thing, "Things")


def thing(row: Any) -> dict[str, Any]:
    """A row of `queries` as a `Thing`."""
    return {
        "id": row["id"],
        "url": absolute(f"/api/v1/things/{row['id']}"),
        "name": row["name"],
        "timestamp": row["made_at"],
    }
