"""Reads of what every process asks for, to know which tokens are no longer good: whose rights changed, which
sessions ended.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from chassis.events import now
from chassis.tables import Timestamp

from ..models import Session, User, db
from .rows import Rows

LATE_COMMITS = timedelta(seconds=5)
LONGEST_TOKEN = timedelta(seconds=3700)
EVERYTHING = 2**31 - 1  # for askers of former releases, who do not know of pages
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
BEHIND = sa.tuple_(sa.bindparam("at", type_=Timestamp), sa.bindparam("key"))
CHANGED = (
    sa.select(User.id, User.ver, User.ver_changed_at)
    .where(sa.tuple_(User.ver_changed_at, User.id) > BEHIND)
    .order_by(User.ver_changed_at, User.id)
    .limit(sa.bindparam("size"))
)
REVOKED = (
    sa.select(Session.sid, Session.revoked_at)
    .where(sa.tuple_(Session.revoked_at, Session.sid) > BEHIND)
    .order_by(Session.revoked_at, Session.sid)
    .limit(sa.bindparam("size"))
)


def changes(since: float, after: str = "", size: int = EVERYTHING) -> dict[str, Any]:
    """Whose rights changed and which sessions ended since a Unix time, of each at most `size`, the oldest
    first; overlaps, because commits come late. What is older than any token is left out.

    Where there may be more, `next` tells what to say as `after` to go on from there.
    """
    at = now()
    changed_from, revoked_from = _places(after) if after else _beginning(since, at)
    changed = db.rows(CHANGED, {"at": changed_from[0], "key": changed_from[1], "size": size})
    revoked = db.rows(REVOKED, {"at": revoked_from[0], "key": revoked_from[1], "size": size})
    told: dict[str, Any] = {
        "now": at.timestamp(),
        "changes": [
            {"sub": str(row["id"]), "ver": row["ver"], "at": row["ver_changed_at"].timestamp()}
            for row in changed
        ],
        "revoked": [{"sid": row["sid"], "at": row["revoked_at"].timestamp()} for row in revoked],
    }
    if size in (len(changed), len(revoked)):
        last_change = _last(changed, "ver_changed_at", "id", changed_from)
        last_end = _last(revoked, "revoked_at", "sid", revoked_from)
        told["next"] = f"{_place(*last_change)}.{_place(*last_end)}"
    return told


def _beginning(since: float, at: datetime) -> tuple[tuple[datetime, Any], ...]:
    """Before everything of that moment: no id is 0, and no name of a session empty."""
    oldest = at - LONGEST_TOKEN
    asked = datetime.fromtimestamp(min(max(since, oldest.timestamp()), at.timestamp()), at.tzinfo)
    begin = max(asked - LATE_COMMITS, oldest)
    return (begin, 0), (begin, "")


def _places(after: str) -> tuple[tuple[datetime, Any], ...]:
    changed_at, id, revoked_at, sid = after.split(".")
    return (EPOCH + int(changed_at) * MICROSECOND, int(id)), (EPOCH + int(revoked_at) * MICROSECOND, sid)


def _place(moment: datetime, key: Any) -> str:
    return f"{(moment - EPOCH) // MICROSECOND}.{key}"


def _last(rows: Rows, moment: str, key: str, otherwise: tuple[datetime, Any]) -> tuple[datetime, Any]:
    return (rows[-1][moment], rows[-1][key]) if rows else otherwise
