"""What tests find in the shop, and put on its shelf."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import sqlalchemy as sa

from chassis import handling
from chassis.testing.service import Doors

from .app import PACK, Box, db


def make(shop: Doors, label: str) -> int:
    """A box of ann's; its id."""
    return int(shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": label}).json["id"])


def labels(shop: Doors) -> dict[int, str]:
    """Of every box that is there, by id."""
    with shop.app.app_context():
        return {row["id"]: row["label"] for row in db.rows(sa.select(Box.id, Box.label))}


@contextmanager
def database_away() -> Iterator[None]:
    """Events that come meanwhile find no database, nor does whoever asks whether it is back."""
    gone = sa.exc.OperationalError("x", {}, Exception("gone"))
    with patch.object(handling, "_first_time", side_effect=gone), patch.object(handling, "_answers", bool):
        yield
