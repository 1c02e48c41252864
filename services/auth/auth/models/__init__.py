"""Tables of auth, and rules that need only one row."""

from .base import db
from .factors import Challenge, Passkey, RecoveryCode, Totp
from .log import Entry, Kind
from .mails import Mail, MailToken
from .people import (
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
)
from .sessions import Guesses, RefreshToken, Session

__all__ = [
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
]
