"""Every write of auth: one function, one transaction, its events and mails inside."""

from .accounts import administer, count_posts, edit_profile, grant, note_seen, register, seed_roles
from .links import (
    ask_reset,
    change_email,
    change_password,
    confirm,
    propose_email,
    reset_password,
    send_confirmation,
)
from .mails import answer_asked, claim_mail, mail_failed, mail_sent
from .pruning import prune
from .restoring import end_the_past
from .sessions import (
    end_all_sessions,
    end_session,
    exchange_password,
    exchange_session,
    exchange_token,
    issue_tokens,
    refresh,
    sign_in,
)

__all__ = [
    "administer",
    "answer_asked",
    "ask_reset",
    "change_email",
    "change_password",
    "claim_mail",
    "confirm",
    "count_posts",
    "edit_profile",
    "end_all_sessions",
    "end_session",
    "end_the_past",
    "exchange_password",
    "exchange_session",
    "exchange_token",
    "grant",
    "issue_tokens",
    "mail_failed",
    "mail_sent",
    "note_seen",
    "propose_email",
    "prune",
    "refresh",
    "register",
    "reset_password",
    "seed_roles",
    "send_confirmation",
    "sign_in",
]
