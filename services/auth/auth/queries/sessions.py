"""Reads of who is signed in, and how often passwords were tried."""

import re
from collections.abc import Sequence

import sqlalchemy as sa

from chassis.events import now
from chassis.problems import NotFound
from chassis.tokens import Actor

from ..models import Guesses, Session, User, db
from .people import ACCOUNTS
from .rows import Row, Rows

SID = re.compile(r"[0-9a-f]{32}")
OF_SESSION = ACCOUNTS.add_columns(
    Session.sid, Session.kind, Session.last_seen.label("session_seen"), Session.expires_at,
    Session.revoked_at, Session.idle_seconds,
).join(Session, Session.user_id == User.id)  # fmt: skip
BY_SID = OF_SESSION.where(Session.sid == sa.bindparam("sid"))
BY_COOKIE = OF_SESSION.where(Session.cookie_hash == sa.bindparam("hash"))
GOOD_SESSION = (
    Session.user_id == sa.bindparam("user"),
    Session.revoked_at.is_(None),
    Session.expires_at > sa.bindparam("now"),
)
SESSIONS = (
    sa.select(
        Session.sid, Session.kind, Session.agent, Session.address, Session.created_at, Session.last_seen,
        Session.expires_at,
    )
    .where(*GOOD_SESSION)
    .order_by(Session.last_seen.desc(), Session.sid)
    .limit(sa.bindparam("size"))
    .offset(sa.bindparam("offset"))
)  # fmt: skip
SESSIONS_TOTAL = sa.select(sa.func.count()).select_from(Session).where(*GOOD_SESSION)
GUESSES = sa.select(Guesses.moments).where(Guesses.key.in_([sa.bindparam("first"), sa.bindparam("last")]))


def session_by_cookie(hash: str) -> Row | None:
    """A browser's session with its account, if both are good."""
    return good(db.row(BY_COOKIE, {"hash": hash}))


def live_session(sid: str) -> Row | None:
    """A session with its account, if both are good."""
    return good(db.row(BY_SID, {"sid": sid}))


def good(row: Row | None) -> Row | None:
    if row is None or row["disabled"] or row["revoked_at"] is not None or row["expires_at"] <= now():
        return None
    return row


def sessions(user_id: int, size: int, offset: int) -> Rows:
    """Where somebody is signed in, the latest used first."""
    return db.rows(SESSIONS, {"user": user_id, "now": now(), "size": size, "offset": offset})


def sessions_total(user_id: int) -> int:
    return int(db.value(SESSIONS_TOTAL, {"user": user_id, "now": now()}))


def guesses(keys: Sequence[str]) -> list[str]:
    """When something was tried, for each of these keys that is known; at most two are asked for."""
    return [row["moments"] for row in db.rows(GUESSES, {"first": keys[0], "last": keys[-1]})]


def own_session_exists(actor: Actor, session: str) -> None:
    """Somebody else's is not there either."""
    row = live_session(session) if SID.fullmatch(session) else None
    if row is None or row["id"] != actor.id:
        raise NotFound
