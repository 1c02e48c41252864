"""What tests find in the shop, and put on its shelf."""

import sqlalchemy as sa

from chassis.testing.service import Doors

from .app import PACK, Box, db


def make(shop: Doors, label: str) -> int:
    """A box of ann's; its id."""
    return int(shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": label}).json["id"])


def labels(shop: Doors) -> dict[int, str]:
    """Of every box that is there, by id."""
    with shop.app.app_context():
        return {row["id"]: row["label"] for row in db.rows(sa.select(Box.id, Box.label))}
