"""Second factors: setting them up and giving them up. Every change asks for the password again."""

import secrets
from typing import Any, NamedTuple

import pyotp
import sqlalchemy as sa

from chassis.events import now
from chassis.problems import Conflict, Invalid, NotFound
from chassis.tokens import Actor

from .. import boxes, queries, tokens
from ..models import Kind, Passkey, RecoveryCode, Totp, User, db
from . import guesses, log
from .links import checked
from .rows import held
from .second import (
    MAKE_PASSKEY,
    WRONG,
    begin_challenge,
    codes_rule,
    matches_totp,
    pending,
    recovery_hash,
    use_up,
)

ISSUER = "Flasky"
CODES, LETTERS = 10, "abcdefghjkmnpqrstuvwxyz23456789"
MOST_PASSKEYS = 20


class NewTotp(NamedTuple):
    secret: str
    uri: str


def begin_totp(actor: Actor, password: str, address: str) -> NewTotp:
    """A fresh secret for an authenticator app; it counts once a code of it was shown."""
    account = checked(actor, password, address, "password")
    secret, user = pyotp.random_base32(), held(actor.id)
    totp = db.session.get(Totp, user.id, populate_existing=True)
    if totp is not None and totp.confirmed_at is not None:
        raise Conflict("You use an authenticator app already. Remove it before you set up another.")
    if totp is None:
        totp = Totp(user_id=user.id)
        db.session.add(totp)
    totp.box, totp.created_at, totp.last_step = boxes.closed(secret), now(), 0
    db.session.commit()
    return NewTotp(secret, pyotp.TOTP(secret).provisioning_uri(name=account["email"], issuer_name=ISSUER))


def confirm_totp(actor: Actor, code: str) -> list[str]:
    """The first code is right: from now on one is needed. Returns recovery codes with the first factor."""
    guess = guesses.note([f"codes:{actor.id}"], codes_rule())
    user = held(actor.id)
    if not matches_totp(user.id, "".join(code.split()), unconfirmed=True):
        raise Invalid(WRONG, errors=[{"field": "code", "message": WRONG}])
    db.session.get_one(Totp, user.id).confirmed_at = now()
    log.note(Kind.TOTP_ON, user.id)
    codes = switched_on(user)
    guesses.take_back(guess)
    db.session.commit()
    return codes


def remove_totp(actor: Actor, password: str, address: str) -> None:
    checked(actor, password, address, "password")
    user = held(actor.id)
    gone: Any = db.session.execute(sa.delete(Totp).where(Totp.user_id == user.id))
    if not gone.rowcount:
        raise NotFound
    log.note(Kind.TOTP_OFF, user.id)
    switch_off_if_last(user)
    db.session.commit()


def renew_codes(actor: Actor, password: str, address: str) -> list[str]:
    """Ten new recovery codes; the older ones are void."""
    checked(actor, password, address, "password")
    user = held(actor.id)
    if not user.second_factor:
        raise Conflict("You have no second factor yet. Set one up: recovery codes come with it.")
    codes = new_codes(user.id)
    db.session.commit()
    return codes


def begin_passkey(actor: Actor, password: str, address: str) -> dict[str, Any]:
    """What the browser is asked to make, and the token with which its answer is sent."""
    from .. import passkeys

    account = checked(actor, password, address, "password")
    known = [row["credential"] for row in queries.passkeys(actor.id)]
    refuse_more(len(known))
    token, challenge = begin_challenge(actor.id, MAKE_PASSKEY)
    db.session.commit()
    return {"pending": token, "options": passkeys.creation_options(account, challenge, known)}


def add_passkey(actor: Actor, token: str, name: str, credential: dict[str, Any]) -> tuple[int, list[str]]:
    """Keeps what the browser made. Returns its id, and recovery codes with the first factor."""
    from .. import passkeys

    begun = pending(token, MAKE_PASSKEY)
    made = passkeys.made(credential, begun["challenge"]) if begun["user_id"] == actor.id else None
    if made is None:
        raise Invalid("This passkey could not be verified. Try again.")
    user = held(actor.id)
    use_up(token, MAKE_PASSKEY)
    refuse_more(queries.passkeys_now(user.id))  # several may have been begun
    passkey = Passkey(**made._asdict(), user_id=user.id, hash=tokens.fingerprint(made.credential))
    passkey.name, passkey.created_at = name, now()
    db.session.add(passkey)
    try:
        db.session.flush()
    except sa.exc.IntegrityError:
        raise Conflict("This passkey is in use already. Make another one.") from None
    log.note(Kind.PASSKEY_ADDED, user.id, passkey=passkey.id)
    codes = switched_on(user)
    db.session.commit()
    return passkey.id, codes


def refuse_more(known: int) -> None:
    if known >= MOST_PASSKEYS:
        raise Conflict("You have enough passkeys. Remove one before you add another.")


def remove_passkey(actor: Actor, id: int, password: str, address: str) -> None:
    checked(actor, password, address, "password")
    user = held(actor.id)
    passkey = db.session.get(Passkey, id, populate_existing=True)
    if passkey is None or passkey.user_id != user.id:
        raise NotFound
    log.note(Kind.PASSKEY_REMOVED, user.id, passkey=passkey.id)
    db.session.delete(passkey)
    db.session.flush()
    switch_off_if_last(user)
    db.session.commit()


def drop_factors(id: int, by: int | None = None) -> None:
    """For somebody who has lost everything: an administrator, or an operator, takes all of it away."""
    user = held(id)
    forget_factors(user.id)
    if user.second_factor:
        user.second_factor = False
        user.raise_ver(now())
    log.note(Kind.FACTORS_DROPPED, user.id, by)
    db.session.commit()


def drop_factors_of(email: str) -> None:
    """Raises `NotFound`."""
    account = queries.account_by_email(email)
    if account is None:
        raise NotFound("There is no account with this e-mail address.")
    drop_factors(account["id"])


def forget_factors(user_id: int) -> None:
    for table in (Totp, RecoveryCode, Passkey):
        db.session.execute(sa.delete(table).where(table.user_id == user_id))


def switched_on(user: User) -> list[str]:
    """With the first factor: every token is made anew, and there are recovery codes."""
    if user.second_factor:
        return []
    user.second_factor = True
    user.raise_ver(now())
    return new_codes(user.id)


def switch_off_if_last(user: User) -> None:
    if not queries.has_factor_now(user.id):
        db.session.execute(sa.delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
        user.second_factor = False
        user.raise_ver(now())


def new_codes(user_id: int) -> list[str]:
    """Shown once; only what recognises them is kept."""
    db.session.execute(sa.delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = ["-".join("".join(secrets.choice(LETTERS) for _ in range(5)) for _ in "12") for _ in range(CODES)]
    db.session.add_all(RecoveryCode(hash=recovery_hash(user_id, code), user_id=user_id) for code in codes)
    log.note(Kind.CODES_MADE, user_id)
    return codes
