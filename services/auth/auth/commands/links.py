"""What people do with the links that they got by mail, and with their passwords and addresses."""

from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from chassis.events import now
from chassis.problems import Conflict, Invalid, TooMany, Unauthenticated
from chassis.settings import settings
from chassis.tokens import Actor

from .. import addresses, events, letters, passwords, queries, tokens
from ..models import ADMINISTRATOR, Kind, Mail, MailToken, Role, Session, User, db
from . import guesses, log, mails
from .accounts import refuse_taken, saving
from .proofs import proven
from .rows import held
from .second import void_challenges
from .sessions import revoke

LONGEST_ADDRESS = Mail.to.type.length
BAD_LINK = "This link is invalid or has expired. Ask for a new one."


def send_confirmation(actor: Actor) -> None:
    """Mails a fresh link that confirms the account; older ones are void. Raises `TooMany`."""
    guesses.note(guesses.mail_keys(queries.account_of(actor)["email"]), guesses.mails_rule())
    user = held(actor.id)
    mails.send_link(user, letters.CONFIRM, user.email)
    db.session.commit()


def confirm(token: str, by: Actor | None = None) -> int:
    """Confirms the account that the link was mailed to, never another person's. Returns its id."""
    user = used(token, letters.CONFIRM)
    if by is not None and by.id != user.id:
        raise bad_link()
    if not user.confirmed:
        user.confirmed = True
        make_administrator_if_due(user)
    user.raise_ver(now())
    log.note(Kind.CONFIRMED, user.id)
    db.session.commit()
    return user.id


def make_administrator_if_due(user: User) -> None:
    """Whoever proves to read the administrator's mail is the administrator."""
    if settings.admin and user.email == addresses.normal(settings.admin):
        was = db.session.scalar(sa.select(Role.name).where(Role.id == user.role_id))
        log.note(Kind.ROLE_CHANGED, user.id, was=was, role=ADMINISTRATOR)
        user.role_id = db.session.scalars(sa.select(Role.id).where(Role.name == ADMINISTRATOR)).one()


def ask_reset(email: str) -> None:
    """Notes that a reset mail is wanted; the worker looks whether there is such an account.

    Who asks too often for one address is told nothing, and nothing is mailed.
    """
    address = addresses.normal(email)
    if len(address) > LONGEST_ADDRESS:  # small letters may be more than capital ones; nobody has it
        return
    with suppress(TooMany):
        guesses.note(guesses.mail_keys(address), guesses.mails_rule())
        note_asked(address)


def note_asked(email: str) -> None:
    db.session.add(Mail(to=email, state="asked", created_at=now(), next_try_at=now()))
    db.ring()
    db.session.commit()


def reset_password(token: str, password: str) -> int:
    """Sets a new password and ends all sessions. Returns the account's id."""
    account = known(token, letters.RESET)
    passwords.accept(password, account["username"], account["email"])
    hash = passwords.hashed(password)
    user = used(token, letters.RESET)
    set_password(user, hash)
    revoke(Session.user_id == user.id)
    log.note(Kind.PASSWORD_RESET, user.id)
    db.session.commit()
    return user.id


def change_password(actor: Actor, old: str, new: str, address: str) -> None:
    """Sets a new password and ends all other sessions. Raises as `checked`, and `Invalid`."""
    account = checked(actor, old, address, "old_password")
    passwords.accept(new, account["username"], account["email"])
    hash = passwords.hashed(new)
    user = held(actor.id)
    if user.password_hash != account["password_hash"]:
        raise Conflict
    set_password(user, hash)
    revoke(Session.user_id == user.id, Session.sid != actor.session)
    log.note(Kind.PASSWORD_CHANGED, user.id)
    db.session.commit()


def set_password(user: User, hash: str) -> None:
    """Everything that was given for the old one ends: tokens, links and sign-ins under way."""
    user.password_hash = hash
    user.raise_ver(now())
    user.password_ver = user.ver
    mails.void_links(user.id, letters.RESET, letters.CHANGE_EMAIL)
    void_challenges(user.id)


def checked(actor: Actor, password: str, address: str, field: str) -> queries.Row:
    """The caller's account, if the password is right. A session has tries of its own.

    A wrong one is a mistake in a field (`Invalid`), not a reason to sign in again. Else raises as `proven`.
    """
    account = queries.account_of(actor)
    keys = [f"session:{actor.session}"] if actor.session else guesses.keys_of(account["email"], address)
    try:
        return proven(account["email"], password, keys)
    except Unauthenticated:
        message = f"{field} is not right"
        raise Invalid(message, errors=[{"field": field, "message": message}]) from None


def propose_email(actor: Actor, email: str, password: str, address: str) -> None:
    """Mails a link to the new address; only the link changes it."""
    account = checked(actor, password, address, "password")
    refuse_taken(email, account["username"], but=actor.id)
    guesses.note([*guesses.mail_keys(email), f"mails of:{actor.id}"], guesses.mails_rule())
    user = held(actor.id)
    mails.send_link(user, letters.CHANGE_EMAIL, email)
    log.note(Kind.EMAIL_ASKED, user.id)
    db.session.commit()


def change_email(token: str, by: Actor | None = None) -> int:
    """Sets the address that the link was mailed to, which proves it; never another person's. Returns the
    account's id.
    """
    account = known(token, letters.CHANGE_EMAIL)
    if by is not None and by.id != account["id"]:
        raise bad_link()
    refuse_taken(account["token_email"], account["username"], but=account["id"])
    user = used(token, letters.CHANGE_EMAIL)
    with saving(account["token_email"], user.username, but=user.id):
        user.write_to(account["token_email"])
        user.confirmed = True
        make_administrator_if_due(user)
        mails.void_links(user.id)
        user.raise_ver(now())
        user.version += 1
        events.user_changed(user)
        db.session.flush()
    log.note(Kind.EMAIL_CHANGED, user.id)
    db.session.commit()
    return user.id


def used(token: str, purpose: str) -> User:
    """Uses a link up and gives its account, locked. Raises `Invalid` for one that is not good, or no more."""
    link = known(token, purpose)
    user = held(link["id"])
    same = (MailToken.hash == tokens.fingerprint(token), MailToken.expires_at > now())
    gone: Any = db.session.execute(sa.delete(MailToken).where(*same))
    changed_meanwhile = purpose != letters.CHANGE_EMAIL and link["token_email"] != user.email
    if not gone.rowcount or changed_meanwhile:
        raise bad_link()
    return user


def known(token: str, purpose: str) -> queries.Row:
    """The account of a link. Raises `Invalid`."""
    account = queries.account_by_mail_token(tokens.fingerprint(token), purpose)
    if account is None or account["disabled"]:
        raise bad_link()
    return account


def bad_link() -> Invalid:
    return Invalid(BAD_LINK, errors=[{"field": "token", "message": BAD_LINK}])
