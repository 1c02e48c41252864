"""How long auth keeps what is over."""

from datetime import timedelta

from chassis.retention import Kept

from .models import Challenge, Entry, Guesses, Mail, MailToken, RefreshToken, Session

AT_ONCE = timedelta(0)
ENDED = timedelta(hours=2)  # longer than `/internal/changes` looks back, and than any token lives
GUESSED = timedelta(hours=1)  # at least the longest window of a throttle

KEEPS = [
    Kept(MailToken.__table__, "expires_at", AT_ONCE),
    Kept(RefreshToken.__table__, "expires_at", AT_ONCE),
    Kept(Session.__table__, "expires_at", ENDED),
    Kept(Session.__table__, "revoked_at", ENDED),
    Kept(Guesses.__table__, "last_at", GUESSED),
    Kept(Challenge.__table__, "expires_at", AT_ONCE),
    Kept(Entry.__table__, "at", "audit_days"),
    Kept(Mail.__table__, "created_at", "keep_mails_days"),
]
