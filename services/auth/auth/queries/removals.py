"""Reads of removals: who is gone, and what is under way."""

from datetime import datetime

import sqlalchemy as sa

from ..models import WAITING, Removal, User, db
from .rows import Row, found

REMOVALS_WAITING = sa.select(
    sa.func.min(Removal.requested_at).label("oldest"),
    sa.func.count(sa.distinct(Removal.user_id)).label("people"),
).where(WAITING)
REMOVALS_READY = (
    sa.select(Removal.user_id)
    .where(WAITING)
    .group_by(Removal.user_id)
    .having(sa.func.max(sa.case((Removal.service == "auth", 0), else_=1)) == 0)
    .order_by(Removal.user_id)
    .limit(50)
)
FORGOTTEN = sa.select(Removal.user_id).where(Removal.service == "auth", Removal.done_at.is_not(None))
EVERYBODY_REMOVED = sa.select(User.id).where(User.removed_at.isnot(None))
REMOVALS_SILENT = (
    sa.select(Removal.user_id)
    .where(WAITING, Removal.service != "auth", Removal.asked_at < sa.bindparam("before"))
    .group_by(Removal.user_id)
    .order_by(sa.func.min(Removal.asked_at))
    .limit(50)
)


def removals_waiting() -> Row:
    """How many accounts are being removed, and since when the oldest."""
    return found(db.row(REMOVALS_WAITING))


def everybody_removed() -> list[int]:
    """Every account that is closed for good."""
    return [row["id"] for row in db.rows(EVERYBODY_REMOVED)]


def removals_ready() -> list[int]:
    """Whom all other services have forgotten, so that it is auth's turn."""
    return [row["user_id"] for row in db.rows(REMOVALS_READY)]


def removals_silent(before: datetime) -> list[int]:
    """Whom some service has not forgotten, although it was asked that long ago."""
    return [row["user_id"] for row in db.rows(REMOVALS_SILENT, {"before": before})]
