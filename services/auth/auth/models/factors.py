"""Second factors, and steps that are not finished."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.tables import BigId, Timestamp

from .base import db


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
