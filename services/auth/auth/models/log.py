"""The audit log."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.tables import BigId, Timestamp

from .base import db


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
