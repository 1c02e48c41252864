"""Who is signed in where, and how often passwords were tried."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.tables import BigId, Timestamp

from .base import db


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


class Guesses(db.Model):
    """When passwords were tried, for one account or from one address: Unix times, separated by blanks."""

    __tablename__ = "guesses"

    key: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    moments: Mapped[str] = mapped_column(sa.Text, default="")
    last_at: Mapped[datetime] = mapped_column(Timestamp, index=True)
