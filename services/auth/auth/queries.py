"""Every read of auth. One statement each; a second one only by primary key."""

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from chassis.events import now
from chassis.problems import NotFound, Unauthenticated
from chassis.tokens import Actor

from .models import (
    WAITING,
    Challenge,
    Entry,
    Guesses,
    Mail,
    MailToken,
    Passkey,
    RecoveryCode,
    Removal,
    Role,
    Session,
    Tally,
    Totp,
    User,
    db,
)

SID = re.compile(r"[0-9a-f]{32}")
LATE_COMMITS = timedelta(seconds=5)
LONGEST_TOKEN = timedelta(seconds=3700)

USERS = sa.select(
    User.id, User.username, User.member_since, User.last_seen, User.avatar_hash, User.post_count,
    User.name, User.location, User.about_me,
).where(User.removed_at.is_(None))  # fmt: skip
ACCOUNTS = USERS.add_columns(
    User.email, User.password_hash, User.confirmed, User.disabled, User.ver, User.password_ver,
    User.second_factor,
    Role.id.label("role_id"), Role.name.label("role_name"), Role.permissions,
).join(Role, Role.id == User.role_id)  # fmt: skip
ONE = USERS.where(User.id == sa.bindparam("id"))
NAMED = USERS.where(User.username_key == sa.bindparam("key"))
PAGE = USERS.order_by(User.id).limit(sa.bindparam("size")).offset(sa.bindparam("offset"))
ACCOUNT = ACCOUNTS.where(User.id == sa.bindparam("id"))
BY_EMAIL = ACCOUNTS.where(User.email == sa.bindparam("email"))
OF_SESSION = ACCOUNTS.add_columns(
    Session.sid, Session.kind, Session.last_seen.label("session_seen"), Session.expires_at,
    Session.revoked_at, Session.idle_seconds,
).join(Session, Session.user_id == User.id)  # fmt: skip
BY_SID = OF_SESSION.where(Session.sid == sa.bindparam("sid"))
BY_COOKIE = OF_SESSION.where(Session.cookie_hash == sa.bindparam("hash"))
BY_MAIL_TOKEN = ACCOUNTS.add_columns(MailToken.email.label("token_email")).join(
    MailToken, MailToken.user_id == User.id
).where(
    MailToken.hash == sa.bindparam("hash"),
    MailToken.purpose == sa.bindparam("purpose"),
    MailToken.expires_at > sa.bindparam("now"),
)  # fmt: skip
USERS_TOTAL = sa.select(Tally.n).where(Tally.kind == "users")
ALL_ROLES = sa.select(Role.id, Role.name, Role.permissions, Role.default).order_by(Role.name)
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
CHANGED = sa.select(User.id, User.ver, User.ver_changed_at).where(
    User.ver_changed_at >= sa.bindparam("since")
)
REVOKED = sa.select(Session.sid, Session.revoked_at).where(Session.revoked_at >= sa.bindparam("since"))
TAKEN = sa.select(User.id, User.email, User.username_key).where(
    sa.or_(User.email == sa.bindparam("email"), User.username_key == sa.bindparam("key"))
)
MAILS_DUE = (
    sa.select(Mail.id)
    .where(Mail.next_try_at <= sa.bindparam("now"), Mail.state == sa.bindparam("state"))
    .limit(1)
)
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
REMOVALS_SILENT = (
    sa.select(Removal.user_id)
    .where(WAITING, Removal.service != "auth", Removal.asked_at < sa.bindparam("before"))
    .group_by(Removal.user_id)
    .order_by(sa.func.min(Removal.asked_at))
    .limit(50)
)
MAILS_WAITING = sa.select(sa.func.min(Mail.created_at)).where(Mail.state.in_(("asked", "queued")))
MAILS_FAILED = sa.select(sa.func.count()).where(Mail.state == "failed")
GUESSES = sa.select(Guesses.key, Guesses.moments).where(Guesses.key.in_(sa.bindparam("keys", expanding=True)))

PASSKEYS = (
    sa.select(Passkey.id, Passkey.name, Passkey.credential, Passkey.created_at, Passkey.last_used_at)
    .where(Passkey.user_id == sa.bindparam("user"))
    .order_by(Passkey.id)
)
TOTP = sa.select(Totp.user_id).where(Totp.user_id == sa.bindparam("user"), Totp.confirmed_at.is_not(None))
CODES_LEFT = (
    sa.select(sa.func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == sa.bindparam("user"))
)
CHALLENGE = sa.select(Challenge.user_id, Challenge.challenge, Challenge.remember).where(
    Challenge.hash == sa.bindparam("hash"),
    Challenge.purpose == sa.bindparam("purpose"),
    Challenge.expires_at > sa.bindparam("now"),
)
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

Row = sa.RowMapping
Rows = Sequence[sa.RowMapping]


def user(id: int) -> Row:
    """What everybody may see of a person. Raises `NotFound`."""
    return found(db.row(ONE, {"id": id}))


def users(size: int, offset: int) -> Rows:
    """Everybody, in the order of registration."""
    return db.rows(PAGE, {"size": size, "offset": offset})


def users_named(username: str) -> Rows:
    """The one of that name, without regard to case, or nobody."""
    return db.rows(NAMED, {"key": username.lower()})


def users_total() -> int:
    return int(db.value(USERS_TOTAL) or 0)


def account(id: int) -> Row:
    """Everything about an account and its role. Raises `NotFound`."""
    return found(db.row(ACCOUNT, {"id": id}))


def account_of(actor: Actor) -> Row:
    """The caller's own account. Raises `Unauthenticated` when it is no longer there."""
    row = db.row(ACCOUNT, {"id": actor.id})
    if row is None:
        raise Unauthenticated
    return row


def account_by_email(email: str) -> Row | None:
    return db.row(BY_EMAIL, {"email": email.strip().lower()})


def account_by_mail_token(hash: str, purpose: str) -> Row | None:
    """Whose link it is, while it is good."""
    return db.row(BY_MAIL_TOKEN, {"hash": hash, "purpose": purpose, "now": now()})


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


def roles() -> Rows:
    """All roles by name."""
    return db.rows(ALL_ROLES)


def taken(email: str, username: str, but: int = 0) -> dict[str, str]:
    """Which of the two belongs to somebody else already, as field and sentence."""
    rows = [row for row in db.rows(TAKEN, {"email": email, "key": username.lower()}) if row["id"] != but]
    sentences = {}
    if any(row["email"] == email for row in rows):
        sentences["email"] = "email is registered already"
    if any(row["username_key"] == username.lower() for row in rows):
        sentences["username"] = "username is in use already"
    return sentences


def changes(since: float) -> dict[str, Any]:
    """Whose rights changed and which sessions ended since a Unix time; overlaps, because commits come late.

    What is older than any token is left out.
    """
    at = now()
    oldest = at - LONGEST_TOKEN
    asked = datetime.fromtimestamp(min(max(since, oldest.timestamp()), at.timestamp()), at.tzinfo)
    values = {"since": max(asked - LATE_COMMITS, oldest)}
    return {
        "now": at.timestamp(),
        "changes": [
            {"sub": str(row["id"]), "ver": row["ver"], "at": row["ver_changed_at"].timestamp()}
            for row in db.rows(CHANGED, values)
        ],
        "revoked": [
            {"sid": row["sid"], "at": row["revoked_at"].timestamp()} for row in db.rows(REVOKED, values)
        ],
    }


def guesses(keys: Sequence[str]) -> dict[str, str]:
    """When passwords were tried, by key."""
    return {row["key"]: row["moments"] for row in db.rows(GUESSES, {"keys": list(keys)})}


def passkeys(user_id: int) -> Rows:
    """Oldest first."""
    return db.rows(PASSKEYS, {"user": user_id})


def has_totp(user_id: int) -> bool:
    """Whether an authenticator app is set up."""
    return db.value(TOTP, {"user": user_id}) is not None


def has_factor_now(user_id: int) -> bool:
    """As the transaction in hand sees it."""
    values = {"user": user_id}
    found = (db.session.execute(query, values).first() for query in (TOTP, PASSKEYS))
    return any(row is not None for row in found)


def recovery_codes_left(user_id: int) -> int:
    return int(db.value(CODES_LEFT, {"user": user_id}))


def challenge(hash: str, purpose: str) -> Row | None:
    """What was begun and is not over."""
    return db.row(CHALLENGE, {"hash": hash, "purpose": purpose, "now": now()})


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


def detail(row: Row) -> dict[str, Any]:
    return json.loads(row["detail"])  # type: ignore[no-any-return]


def mails_due(state: str) -> bool:
    """Whether a mail waits for its turn."""
    return db.value(MAILS_DUE, {"now": now(), "state": state}) is not None


def removals_waiting() -> Row:
    """How many accounts are being removed, and since when the oldest."""
    return found(db.row(REMOVALS_WAITING))


def removals_ready() -> list[int]:
    """Whom all other services have forgotten, so that it is auth's turn."""
    return [row["user_id"] for row in db.rows(REMOVALS_READY)]


def removals_silent(before: datetime) -> list[int]:
    """Whom some service has not forgotten, although it was asked that long ago."""
    return [row["user_id"] for row in db.rows(REMOVALS_SILENT, {"before": before})]


def mails_waiting_since() -> datetime | None:
    """When the oldest mail was written that is not yet sent."""
    return db.value(MAILS_WAITING)  # type: ignore[no-any-return]


def mails_failed() -> int:
    return int(db.value(MAILS_FAILED))


def by_password(actor: Actor, **_: Any) -> None:
    """Refuses whoever did not show the password itself (API-16: tokens cannot renew themselves for ever)."""
    if "pwd" not in actor.methods:
        raise Unauthenticated


def user_exists(_: Actor, id: int) -> None:
    user(id)


def own_session_exists(actor: Actor, session: str) -> None:
    """Somebody else's is not there either."""
    row = live_session(session) if SID.fullmatch(session) else None
    if row is None or row["id"] != actor.id:
        raise NotFound


def found(row: Row | None) -> Row:
    if row is None:
        raise NotFound
    return row
