"""Accounts, their roles, and what is left to do when one is removed."""

import json
from collections.abc import Mapping
from datetime import datetime
from enum import IntFlag
from hashlib import blake2b, md5
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.tables import BigId, Timestamp

from .base import db


class Permission(IntFlag):
    """The bits of a role; every service asks for those that matter to it."""

    FOLLOW = 1
    COMMENT = 2
    WRITE = 4
    MODERATE = 8
    ADMIN = 16


USER, MODERATOR, ADMINISTRATOR = "User", "Moderator", "Administrator"
ADMINISTERED = ("role_id", "disabled", "confirmed", "username", "email", "name", "location", "about_me")
WRITER = Permission.FOLLOW | Permission.COMMENT | Permission.WRITE
ROLES = {
    USER: WRITER,
    MODERATOR: WRITER | Permission.MODERATE,
    ADMINISTRATOR: WRITER | Permission.MODERATE | Permission.ADMIN,
}


class Role(db.Model):
    """A named set of permission bits. A new account gets the one that is `default`."""

    __tablename__ = "roles"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(64), unique=True)
    default: Mapped[bool] = mapped_column(default=False, index=True)
    permissions: Mapped[int] = mapped_column(default=0)


class User(db.Model):
    """An account. `version` numbers what others may know of it, `ver` what it may do.

    Tokens carry `ver`: one with an older number has to be exchanged. A token that was given for a password is
    worth nothing once `password_ver`, the `ver` at which the password was set, has passed it.

    A removed account leaves its row as a tombstone: its number is never given again, its versions only grow.
    """

    __tablename__ = "users"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    username: Mapped[str] = mapped_column(sa.String(64))
    username_key: Mapped[str] = mapped_column(sa.String(64), unique=True)
    email: Mapped[str] = mapped_column(sa.String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(sa.String(256))
    role_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("roles.id"), index=True)
    confirmed: Mapped[bool] = mapped_column(default=False)
    disabled: Mapped[bool] = mapped_column(default=False)
    name: Mapped[str | None] = mapped_column(sa.String(64))
    location: Mapped[str | None] = mapped_column(sa.String(64))
    about_me: Mapped[str | None] = mapped_column(sa.Text)
    avatar_hash: Mapped[str] = mapped_column(sa.String(32))
    member_since: Mapped[datetime] = mapped_column(Timestamp)
    last_seen: Mapped[datetime] = mapped_column(Timestamp)
    version: Mapped[int] = mapped_column(BigId, default=1)
    ver: Mapped[int] = mapped_column(BigId, default=1)
    ver_changed_at: Mapped[datetime | None] = mapped_column(Timestamp, index=True)
    password_ver: Mapped[int] = mapped_column(BigId, default=1)
    second_factor: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    post_count: Mapped[int] = mapped_column(BigId, default=0)
    post_count_version: Mapped[int] = mapped_column(BigId, default=0)
    removed_at: Mapped[datetime | None] = mapped_column(Timestamp)

    def call(self, username: str) -> None:
        """Names the account: shown as typed, unique without regard to case."""
        self.username, self.username_key = username, username.lower()

    def write_to(self, email: str) -> None:
        """Sets the address, and with it the picture."""
        self.email, self.avatar_hash = email, avatar_hash(email)

    def raise_ver(self, at: datetime) -> None:
        """From now on every token given before has to be exchanged."""
        self.ver, self.ver_changed_at = self.ver + 1, at

    def close(self, at: datetime) -> None:
        """Nobody signs in any more, and nobody sees it; what it holds is still to be erased."""
        self.disabled, self.removed_at, self.version = True, at, self.version + 1
        self.raise_ver(at)

    def erase(self) -> None:
        """Nothing of the person is left. No name and no address can be `#7`, so what was taken is free."""
        self.username, self.username_key, self.email = "", f"#{self.id}", f"#{self.id}"
        self.name = self.location = self.about_me = None
        self.password_hash = self.avatar_hash = ""
        self.confirmed = False
        self.member_since = self.last_seen = self.removed_at  # type: ignore[assignment] # it was closed


def state_of(account: Mapping[str, Any]) -> str:
    """The same as long as everything is that administrators change: whoever changes it says what they saw."""
    rights = ("disabled", "confirmed")
    told = [bool(account[name]) if name in rights else account[name] for name in ADMINISTERED]
    return blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()


class Removal(db.Model):
    """What one service has to do with the removal of an account: it has been asked, and says when it is done.

    auth has a part itself, the last one.
    """

    __tablename__ = "removals"

    user_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("users.id"), primary_key=True)
    service: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    requested_at: Mapped[datetime] = mapped_column(Timestamp)
    requested_by: Mapped[int] = mapped_column(BigId)
    asked_at: Mapped[datetime] = mapped_column(Timestamp)
    asked: Mapped[int] = mapped_column(default=1)
    done_at: Mapped[datetime | None] = mapped_column(Timestamp)


WAITING = sa.text("done_at IS NULL")
sa.Index("ix_removals_waiting", Removal.asked_at, postgresql_where=WAITING, sqlite_where=WAITING)


def avatar_hash(email: str) -> str:
    """MD5 of the address, because Gravatar knows pictures by that; it protects nothing."""
    return md5(email.lower().encode(), usedforsecurity=False).hexdigest()


class Tally(db.Model):
    """A number that is kept instead of counted."""

    __tablename__ = "tallies"

    kind: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    n: Mapped[int] = mapped_column(BigId, default=0)
