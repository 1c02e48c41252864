"""How long auth keeps what is over."""

from datetime import timedelta

from chassis.retention import Retention

from .models import Challenge, Entry, Guesses, Mail, MailToken, RefreshToken, Session

AT_ONCE = timedelta(0)
ENDED = timedelta(hours=2)  # longer than `/internal/changes` looks back, and than any token lives
GUESSED = timedelta(hours=1)  # at least the longest window of a throttle

KEEPS = [
    Retention(MailToken.__table__, "expires_at", AT_ONCE),
    Retention(RefreshToken.__table__, "expires_at", AT_ONCE),
    Retention(Session.__table__, "expires_at", ENDED),
    Retention(Session.__table__, "revoked_at", ENDED),
    Retention(Guesses.__table__, "last_at", GUESSED),
    Retention(Challenge.__table__, "expires_at", AT_ONCE),
    Retention(Entry.__table__, "at", "audit_days"),
    Retention(Mail.__table__, "created_at", "keep_mails_days"),
]
