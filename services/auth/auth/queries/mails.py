"""Reads of mails and of the links in them."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from chassis.events import now

from ..models import Mail, MailToken, User, db
from .people import ACCOUNTS
from .rows import Row, Rows

BY_MAIL_TOKEN = ACCOUNTS.add_columns(MailToken.email.label("token_email")).join(
    MailToken, MailToken.user_id == User.id
).where(
    MailToken.hash == sa.bindparam("hash"),
    MailToken.purpose == sa.bindparam("purpose"),
    MailToken.expires_at > sa.bindparam("now"),
)  # fmt: skip
MAILS_DUE = sa.select(Mail.id).where(Mail.next_try_at <= sa.bindparam("now"), Mail.state == "queued").limit(1)
MAILS_ASKED = (
    sa.select(Mail.id, Mail.to)
    .where(Mail.next_try_at <= sa.bindparam("now"), Mail.state == "asked")
    .order_by(Mail.id)
    .limit(sa.bindparam("size"))
)
MAILS_WAITING = sa.select(sa.func.min(Mail.created_at)).where(Mail.state.in_(("asked", "queued")))
# A mail is given up within an hour of being written, so that each is counted for an hour at least.
LATELY = timedelta(hours=2)
MAILS_FAILED = sa.select(sa.func.count()).where(
    Mail.state == "failed", Mail.created_at > sa.bindparam("since")
)


def account_by_mail_token(hash: str, purpose: str) -> Row | None:
    """Whose link it is, while it is good."""
    return db.row(BY_MAIL_TOKEN, {"hash": hash, "purpose": purpose, "now": now()})


def mails_due() -> bool:
    """Whether a mail waits for its turn."""
    return db.value(MAILS_DUE, {"now": now()}) is not None


def mails_asked(size: int) -> Rows:
    """Reset mails that are wanted and not yet written, the oldest first."""
    return db.rows(MAILS_ASKED, {"now": now(), "size": size})


def mails_waiting_since() -> datetime | None:
    """When the oldest mail was written that is not yet sent."""
    return db.value(MAILS_WAITING)


def mails_failed() -> int:
    """How many of those written lately were given up."""
    return int(db.value(MAILS_FAILED, {"since": now() - LATELY}))
