"""Reads of second factors, and of steps that are not finished."""

import sqlalchemy as sa

from chassis.events import now

from ..models import Challenge, Passkey, RecoveryCode, Totp, db
from .rows import Row, Rows

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


def passkeys_now(user_id: int) -> int:
    """How many, as the transaction in hand sees it."""
    return len(db.session.execute(PASSKEYS, {"user": user_id}).all())


def recovery_codes_left(user_id: int) -> int:
    return int(db.value(CODES_LEFT, {"user": user_id}))


def challenge(hash: str, purpose: str) -> Row | None:
    """What was begun and is not over."""
    return db.row(CHALLENGE, {"hash": hash, "purpose": purpose, "now": now()})
