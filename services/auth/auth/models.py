"""Tables of auth, and rules that need only one row."""

from datetime import datetime
from enum import IntFlag, StrEnum
from hashlib import md5

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chassis.database import BigId, Database, Timestamp

db = Database()


class Permission(IntFlag):
    """The bits of a role; every service asks for those that matter to it."""

    FOLLOW = 1
    COMMENT = 2
    WRITE = 4
    MODERATE = 8
    ADMIN = 16


USER, MODERATOR, ADMINISTRATOR = "User", "Moderator", "Administrator"
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

    role: Mapped[Role] = relationship()

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
        self.member_since = self.last_seen = self.removed_at


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
    """MD5 of the address, because Gravatar knows pictures by that (AVA-01); it protects nothing."""
    return md5(email.lower().encode(), usedforsecurity=False).hexdigest()


class Session(db.Model):
    """Somebody's being signed in: a browser's cookie, or the tokens of an API client."""

    __tablename__ = "sessions"

    sid: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("users.id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(8))
    cookie_hash: Mapped[str | None] = mapped_column(sa.String(64), unique=True)
    agent: Mapped[str] = mapped_column(sa.String(256))
    address: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    last_seen: Mapped[datetime] = mapped_column(Timestamp)
    expires_at: Mapped[datetime] = mapped_column(Timestamp, index=True)
    idle_seconds: Mapped[int | None]
    revoked_at: Mapped[datetime | None] = mapped_column(Timestamp, index=True)


class RefreshToken(db.Model):
    """A refresh token of a session. Used ones are kept, so that a second use is noticed."""

    __tablename__ = "refresh_tokens"

    hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    sid: Mapped[str] = mapped_column(
        sa.String(32), sa.ForeignKey("sessions.sid", ondelete="CASCADE"), index=True
    )
    expires_at: Mapped[datetime] = mapped_column(Timestamp, index=True)
    used_at: Mapped[datetime | None] = mapped_column(Timestamp)


class MailToken(db.Model):
    """What a link in a mail proves, once: that its reader reads the mail of `email`."""

    __tablename__ = "mail_tokens"

    hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("users.id"), index=True)
    purpose: Mapped[str] = mapped_column(sa.String(16))
    email: Mapped[str] = mapped_column(sa.String(254))
    expires_at: Mapped[datetime] = mapped_column(Timestamp, index=True)


class Mail(db.Model):
    """A mail: queued, sent, failed, or asked: nobody has looked yet whether there is such an account.

    After the `last` one to somebody, the receipt of a removal, the address goes too.
    """

    __tablename__ = "mails"
    __table_args__ = (sa.Index("ix_mails_state", "state", "created_at"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    to: Mapped[str] = mapped_column(sa.String(254), index=True)
    user_id: Mapped[int | None] = mapped_column(BigId, index=True)
    last: Mapped[bool] = mapped_column(server_default=sa.false())
    subject: Mapped[str] = mapped_column(sa.String(200), default="")
    text: Mapped[str] = mapped_column(sa.Text, default="")
    html: Mapped[str] = mapped_column(sa.Text, default="")
    state: Mapped[str] = mapped_column(sa.String(8), default="queued")
    tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(Timestamp, index=True)
    next_try_at: Mapped[datetime | None] = mapped_column(Timestamp, index=True)
    sent_at: Mapped[datetime | None] = mapped_column(Timestamp)
    error: Mapped[str | None] = mapped_column(sa.String(500))


class Guesses(db.Model):
    """When passwords were tried, for one account or from one address: Unix times, separated by blanks."""

    __tablename__ = "guesses"

    key: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    moments: Mapped[str] = mapped_column(sa.Text, default="")
    last_at: Mapped[datetime] = mapped_column(Timestamp, index=True)


class Tally(db.Model):
    """A number that is kept instead of counted."""

    __tablename__ = "tallies"

    kind: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    n: Mapped[int] = mapped_column(BigId, default=0)


class Totp(db.Model):
    """An authenticator app (RFC 6238). It counts once its first code was shown; no code counts twice."""

    __tablename__ = "totps"

    user_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("users.id"), primary_key=True)
    box: Mapped[str] = mapped_column(sa.String(256))
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    confirmed_at: Mapped[datetime | None] = mapped_column(Timestamp)
    last_step: Mapped[int] = mapped_column(BigId, default=0)


class RecoveryCode(db.Model):
    """Instead of a second factor that was lost; good once, and gone then."""

    __tablename__ = "recovery_codes"

    hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("users.id"), index=True)


class Passkey(db.Model):
    """A WebAuthn credential: its public half."""

    __tablename__ = "passkeys"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("users.id"), index=True)
    hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    credential: Mapped[str] = mapped_column(sa.Text)
    public_key: Mapped[str] = mapped_column(sa.Text)
    sign_count: Mapped[int] = mapped_column(BigId, default=0)
    name: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    last_used_at: Mapped[datetime | None] = mapped_column(Timestamp)


class Challenge(db.Model):
    """Something begun that one more step must finish, once: a sign-in, or the making of a passkey."""

    __tablename__ = "challenges"

    hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("users.id"), index=True)
    purpose: Mapped[str] = mapped_column(sa.String(16))
    challenge: Mapped[str] = mapped_column(sa.String(128))
    remember: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime] = mapped_column(Timestamp, index=True)


class Entry(db.Model):
    """A line of the audit log. It refers to nobody by a key, because it outlives accounts."""

    __tablename__ = "audit"
    __table_args__ = (
        sa.Index("ix_audit_user", "user_id", "id"),
        sa.Index("ix_audit_actor", "actor_id", "id"),
        sa.Index("ix_audit_kind", "kind", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(Timestamp, index=True)
    kind: Mapped[str] = mapped_column(sa.String(32))
    user_id: Mapped[int | None] = mapped_column(BigId)
    actor_id: Mapped[int | None] = mapped_column(BigId)
    address: Mapped[str] = mapped_column(sa.String(64), default="")
    agent: Mapped[str] = mapped_column(sa.String(256), default="")
    detail: Mapped[str] = mapped_column(sa.Text, default="{}")


class Kind(StrEnum):
    """What the log tells of."""

    REGISTERED = "registered"
    CONFIRMED = "confirmed"
    SIGNED_IN = "signed-in"
    PASSWORD_USED = "password-used"  # noqa: S105 - a name
    SIGN_IN_FAILED = "sign-in-failed"
    CODE_REFUSED = "code-refused"
    TOKENS_ISSUED = "tokens-issued"
    SESSION_ENDED = "session-ended"
    SESSIONS_ENDED = "sessions-ended"
    TOKEN_REUSED = "token-reused"  # noqa: S105 - a name
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - a name
    PASSWORD_RESET = "password-reset"  # noqa: S105 - a name
    EMAIL_ASKED = "email-change-asked"
    EMAIL_CHANGED = "email-changed"
    ROLE_CHANGED = "role-changed"
    DISABLED = "disabled"
    ENABLED = "enabled"
    ACCOUNT_EDITED = "account-edited"
    TOTP_ON = "authenticator-on"
    TOTP_OFF = "authenticator-off"
    PASSKEY_ADDED = "passkey-added"
    PASSKEY_REMOVED = "passkey-removed"
    CODES_MADE = "recovery-codes-made"
    CODE_USED = "recovery-code-used"
    FACTORS_DROPPED = "second-factor-dropped"
    REMOVED = "removed"
    COMMENT_DISABLED = "comment-disabled"
    COMMENT_ENABLED = "comment-enabled"
