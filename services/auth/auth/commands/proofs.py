"""Proving who one is by a password. Two short transactions around the hash: none is open while it runs."""

from contextlib import suppress

import sqlalchemy as sa

from chassis.problems import Refusal, Unauthenticated, Unavailable

from .. import passwords, queries
from ..models import Kind, User, db
from . import guesses, log


class Disabled(Unauthenticated):
    """The password was right, but the account is disabled: only for who may tell the one who proved it."""


def proven(email: str, password: str, keys: list[str]) -> queries.Row:
    """The account whose password it is; `keys` are those that a wrong one counts against.

    Raises `Unauthenticated` (alike for a wrong password and an unknown account, whether it is disabled or
    not), `Disabled` for the right one of an account that is, `TooMany` or `Unavailable`.
    """
    account, guess = judged(email, password, keys)
    guesses.take_back(guess)
    db.session.commit()
    return account


def judged(email: str, password: str, keys: list[str]) -> tuple[queries.Row, guesses.Guess]:
    """As `proven`, for who takes the guess back in a transaction of their own: last in it, as others lock an
    account before its guesses.
    """
    guess = guesses.note(keys, guesses.passwords_rule())
    account = queries.account_by_email(email)
    try:
        right = passwords.matches(password, account["password_hash"] if account else None)
    except Refusal:
        guesses.take_back(guess)
        db.session.commit()
        raise
    if not right or account is None or account["disabled"]:
        log.note(Kind.SIGN_IN_FAILED, account["id"] if account else None)
        db.session.commit()
        raise Disabled if right and account is not None else Unauthenticated
    return with_current_hash(account, password), guess


def with_current_hash(account: queries.Row, password: str) -> queries.Row:
    """Hashes again when the parameters have been raised; when too many wait, the next time will do."""
    old = account["password_hash"]
    if not passwords.hasher().outdated(old):
        return account
    with suppress(Unavailable):
        change = {"password_hash": passwords.hashed(password)}
        same = (User.id == account["id"], User.password_hash == old)
        db.session.execute(sa.update(User).where(*same).values(change))
        db.session.commit()
    return queries.account(account["id"])
