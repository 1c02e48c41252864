"""Every read of auth. One statement each; a second one only by primary key."""

from .factors import challenge, has_factor_now, has_totp, passkeys, passkeys_now, recovery_codes_left
from .log import log_entries
from .mails import account_by_mail_token, mails_asked, mails_due, mails_failed, mails_waiting_since
from .people import (
    account,
    account_by_email,
    account_of,
    by_password,
    roles,
    taken,
    user,
    user_exists,
    users,
    users_named,
    users_total,
)
from .removals import FORGOTTEN, everybody_removed, removals_ready, removals_silent, removals_waiting
from .rows import Row, Rows, found
from .sessions import (
    good,
    guesses,
    live_session,
    own_session_exists,
    session_by_cookie,
    sessions,
    sessions_total,
)
from .withdrawals import EVERYTHING, changes

__all__ = [
    "EVERYTHING",
    "FORGOTTEN",
    "Row",
    "Rows",
    "account",
    "account_by_email",
    "account_by_mail_token",
    "account_of",
    "by_password",
    "challenge",
    "changes",
    "everybody_removed",
    "found",
    "good",
    "guesses",
    "has_factor_now",
    "has_totp",
    "live_session",
    "log_entries",
    "mails_asked",
    "mails_due",
    "mails_failed",
    "mails_waiting_since",
    "own_session_exists",
    "passkeys",
    "passkeys_now",
    "recovery_codes_left",
    "removals_ready",
    "removals_silent",
    "removals_waiting",
    "roles",
    "session_by_cookie",
    "sessions",
    "sessions_total",
    "taken",
    "user",
    "user_exists",
    "users",
    "users_named",
    "users_total",
]
