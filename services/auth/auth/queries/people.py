"""Reads of accounts and roles."""

from typing import Any

import sqlalchemy as sa

from chassis.problems import Unauthenticated
from chassis.tokens import Actor

from .. import addresses
from ..models import Role, Tally, User, db
from .rows import Row, Rows, found

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
USERS_TOTAL = sa.select(Tally.n).where(Tally.kind == "users")
ALL_ROLES = sa.select(Role.id, Role.name, Role.permissions, Role.default).order_by(Role.name)
TAKEN = sa.select(User.id, User.email, User.username_key).where(
    sa.or_(User.email == sa.bindparam("email"), User.username_key == sa.bindparam("key"))
)


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
    return db.row(BY_EMAIL, {"email": addresses.normal(email)})


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


def by_password(actor: Actor, **_: Any) -> None:
    """Refuses whoever did not show the password itself: tokens cannot renew themselves for ever."""
    if "pwd" not in actor.methods:
        raise Unauthenticated


def user_exists(_: Actor, id: int) -> None:
    user(id)
