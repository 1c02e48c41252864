"""Mails, and what the links in them prove."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.tables import BigId, Timestamp

from .base import db


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
