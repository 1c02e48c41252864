"""Forgetting what is over."""

from datetime import timedelta

import sqlalchemy as sa

from chassis.events import now
from chassis.settings import settings

from ..models import Challenge, Entry, Guesses, Mail, MailToken, RefreshToken, Session, db

KEEP_MAILS = timedelta(days=30)
KEEP_ENDED = timedelta(hours=2)  # longer than `/internal/changes` looks back
KEEP_GUESSES = timedelta(hours=1)  # at least the longest window of a throttle


def prune() -> None:
    """Removes links, guesses, sessions and mails that matter to nobody any more."""
    at = now()
    for over in (
        sa.delete(MailToken).where(MailToken.expires_at < at),
        sa.delete(Guesses).where(Guesses.last_at < at - KEEP_GUESSES),
        sa.delete(RefreshToken).where(RefreshToken.expires_at < at),
        sa.delete(Session).where(
            sa.or_(Session.expires_at < at - KEEP_ENDED, Session.revoked_at < at - KEEP_ENDED)
        ),
        sa.delete(Challenge).where(Challenge.expires_at < at),
        sa.delete(Entry).where(Entry.at < at - timedelta(days=settings.audit_days)),
        sa.delete(Mail).where(Mail.created_at < at - KEEP_MAILS),
    ):
        db.session.execute(over.execution_options(synchronize_session=False))
    db.session.commit()
