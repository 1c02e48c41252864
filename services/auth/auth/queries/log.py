"""Reads of the audit log."""

import sqlalchemy as sa

from ..models import Entry, User, db
from .rows import Rows

OWNER, ACTOR = sa.orm.aliased(User), sa.orm.aliased(User)
ENTRIES = (
    sa.select(
        Entry.id, Entry.at, Entry.kind, Entry.address, Entry.agent, Entry.detail, Entry.user_id,
        Entry.actor_id, OWNER.username, ACTOR.username.label("actor_name"),
    )
    .outerjoin(OWNER, OWNER.id == Entry.user_id)
    .outerjoin(ACTOR, ACTOR.id == Entry.actor_id)
    .order_by(Entry.id.desc())
)  # fmt: skip


def log_entries(size: int, *, user: int | None = None, kind: str = "", before: int | None = None) -> Rows:
    """The newest entries before one; of a person: what concerns them and what they did."""
    query = ENTRIES.limit(size)
    if user is not None:
        query = query.where(sa.or_(Entry.user_id == user, Entry.actor_id == user))
    if kind:
        query = query.where(Entry.kind == kind)
    if before is not None:
        query = query.where(Entry.id < before)
    return db.rows(query)
