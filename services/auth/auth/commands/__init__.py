"""Every write of auth: one function, one transaction, its events and mails inside."""

from .accounts import administer, count_posts, edit_profile, grant, note_seen, register, seed_roles
from .clients import exchange_password, issue_tokens, refresh
from .factors import (
    add_passkey,
    begin_passkey,
    begin_totp,
    confirm_totp,
    drop_factors,
    drop_factors_of,
    forget_factors,
    remove_passkey,
    remove_totp,
    renew_codes,
)
from .links import (
    ask_reset,
    change_email,
    change_password,
    confirm,
    propose_email,
    reset_password,
    send_confirmation,
)
from .log import forget_in_log, note_moderation
from .mails import answer_asked, claim_mail, mail_failed, mail_sent
from .removals import go_on_removing, note_forgotten, remove, remove_again, remove_me
from .restoring import end_the_past
from .second import Second, ways
from .sessions import (
    Begun,
    end_all_sessions,
    end_session,
    exchange_session,
    exchange_token,
    finish_sign_in,
    sign_in,
)

__all__ = [
    "Begun",
    "Second",
    "add_passkey",
    "administer",
    "answer_asked",
    "ask_reset",
    "begin_passkey",
    "begin_totp",
    "change_email",
    "change_password",
    "claim_mail",
    "confirm",
    "confirm_totp",
    "count_posts",
    "drop_factors",
    "drop_factors_of",
    "edit_profile",
    "end_all_sessions",
    "end_session",
    "end_the_past",
    "exchange_password",
    "exchange_session",
    "exchange_token",
    "finish_sign_in",
    "forget_factors",
    "forget_in_log",
    "go_on_removing",
    "grant",
    "issue_tokens",
    "mail_failed",
    "mail_sent",
    "note_forgotten",
    "note_moderation",
    "note_seen",
    "propose_email",
    "refresh",
    "register",
    "remove",
    "remove_again",
    "remove_me",
    "remove_passkey",
    "remove_totp",
    "renew_codes",
    "reset_password",
    "seed_roles",
    "send_confirmation",
    "sign_in",
    "ways",
]
