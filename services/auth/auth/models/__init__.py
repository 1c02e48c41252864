"""Tables of auth, and rules that need only one row."""

from .base import db
from .factors import Challenge, Passkey, RecoveryCode, Totp
from .log import Entry, Kind
from .mails import Mail, MailToken
from .people import (
    ADMINISTERED,
    ADMINISTRATOR,
    MODERATOR,
    ROLES,
    USER,
    WAITING,
    WRITER,
    Permission,
    Removal,
    Role,
    Tally,
    User,
    avatar_hash,
    state_of,
)
from .sessions import Guesses, RefreshToken, Session

__all__ = [
    "ADMINISTERED",
    "ADMINISTRATOR",
    "MODERATOR",
    "ROLES",
    "USER",
    "WAITING",
    "WRITER",
    "Challenge",
    "Entry",
    "Guesses",
    "Kind",
    "Mail",
    "MailToken",
    "Passkey",
    "Permission",
    "RecoveryCode",
    "RefreshToken",
    "Removal",
    "Role",
    "Session",
    "Tally",
    "Totp",
    "User",
    "avatar_hash",
    "db",
    "state_of",
]
