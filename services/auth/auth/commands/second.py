"""The second step of signing in: a code of an authenticator app, a recovery code, or a passkey."""

import hmac
import re
import time
from datetime import timedelta
from typing import Any, NamedTuple

import pyotp
import sqlalchemy as sa

from chassis.events import now
from chassis.problems import Invalid, Unauthenticated
from chassis.settings import settings

from .. import boxes, queries, tokens
from ..models import Challenge, Kind, Passkey, RecoveryCode, Totp, db
from . import guesses, log

STEP = 30  # seconds of a code
DRIFT = 1  # steps that a clock may be wrong
LIFE = timedelta(minutes=10)
SIGN_IN, MAKE_PASSKEY = "sign-in", "make-passkey"
CODE = re.compile(r"[0-9]{6}")
WRONG = "This code is not right, or was used before. Try the next one."
OVER = {
    SIGN_IN: "This took too long. Sign in again.",
    MAKE_PASSKEY: "This took too long. Give your password again to begin anew.",
}


class Second(NamedTuple):
    """What was shown: `otp` is a code of either kind, `passkey` what a browser made."""

    otp: str = ""
    passkey: dict[str, Any] | None = None


def codes_rule() -> guesses.Rule:
    sentence = "Too many wrong codes. Wait a while, then try again."
    return guesses.Rule(settings.code_guesses, settings.guess_minutes * 60.0, sentence)


def begin_challenge(user_id: int, purpose: str, remember: bool = False) -> tuple[str, str]:
    """Adds one to the transaction: its token, and the challenge for a passkey."""
    token, challenge = tokens.new_secret(), tokens.new_secret()
    db.session.add(
        Challenge(
            hash=tokens.fingerprint(token),
            user_id=user_id,
            purpose=purpose,
            challenge=challenge,
            remember=remember,
            expires_at=now() + LIFE,
        )
    )
    return token, challenge


def ways(token: str) -> dict[str, Any]:
    """How the second step of a sign-in may be done. Raises `Invalid` when it is over."""
    begun = pending(token, SIGN_IN)
    known = [row["credential"] for row in queries.passkeys(begun["user_id"])]
    asked = _asked_of_passkeys(begun["challenge"], known) if known else None
    return {"totp": queries.has_totp(begun["user_id"]), "passkey": asked}


def _asked_of_passkeys(challenge: str, known: list[str]) -> dict[str, Any]:
    from .. import passkeys

    return passkeys.request_options(challenge, known)


def pending(token: str, purpose: str) -> queries.Row:
    found = queries.challenge(tokens.fingerprint(token), purpose)
    if found is None:
        raise _over(purpose)
    return found


def _over(purpose: str) -> Invalid:
    return Invalid(OVER[purpose], errors=[{"field": "pending", "message": OVER[purpose]}])


def void_challenges(user_id: int) -> None:
    """What was begun by a password, or in a session, that counts no more; within the transaction."""
    db.session.execute(sa.delete(Challenge).where(Challenge.user_id == user_id))


def prove_second(account: queries.Row, shown: Second, challenge: str = "", device: str = "") -> str:
    """Which second factor it was. Raises `Unauthenticated` or `TooMany`."""
    guess = guesses.note([guesses.codes_key(account["id"], account["email"], device)], codes_rule())
    kind = matched(account["id"], shown, challenge)
    if not kind:
        log.note(Kind.CODE_REFUSED, account["id"])
        db.session.commit()
        raise Unauthenticated(WRONG)
    if kind == "recovery code":
        log.note(Kind.CODE_USED, account["id"])
    guesses.take_back(guess)
    db.session.commit()
    return kind


def matched(user_id: int, shown: Second, challenge: str) -> str:
    """The kind of the factor that this is of the account; empty if it is none."""
    if shown.passkey is not None:
        return "passkey" if challenge and matches_passkey(user_id, shown.passkey, challenge) else ""
    code = "".join(shown.otp.split())
    if CODE.fullmatch(code):
        return "authenticator" if matches_totp(user_id, code) else ""
    return "recovery code" if matches_recovery(user_id, code) else ""


def matches_totp(user_id: int, code: str, *, unconfirmed: bool = False) -> bool:
    """Each code once, one step early or late; the row is locked, so that two at once are not both right."""
    totp = db.session.get(Totp, user_id, with_for_update=True, populate_existing=True)
    if totp is None or (totp.confirmed_at is None) != unconfirmed or not CODE.fullmatch(code):
        return False
    secret, step = boxes.opened(totp.box), int(time.time()) // STEP
    if not secret:
        return False
    for candidate in range(step - DRIFT, step + DRIFT + 1):
        right = hmac.compare_digest(pyotp.TOTP(secret).at(candidate * STEP), code)
        if right and candidate > totp.last_step:
            totp.last_step = candidate
            return True
    return False


def matches_recovery(user_id: int, code: str) -> bool:
    used = sa.delete(RecoveryCode).where(
        RecoveryCode.hash == recovery_hash(user_id, code), RecoveryCode.user_id == user_id
    )
    gone: Any = db.session.execute(used)
    return bool(gone.rowcount)


def recovery_hash(user_id: int, code: str) -> str:
    """Only this installation can make it; 50 random bits would not be enough for a plain hash."""
    plain = code.replace("-", "").lower()
    return tokens.keyed("recovery", f"{user_id}:{plain}")


def matches_passkey(user_id: int, credential: dict[str, Any], challenge: str) -> bool:
    from .. import passkeys  # before anything is locked

    shown = tokens.fingerprint(str(credential.get("id") or ""))
    query = sa.select(Passkey).where(Passkey.hash == shown, Passkey.user_id == user_id).with_for_update()
    passkey = db.session.scalar(query.execution_options(populate_existing=True))
    if passkey is None:
        return False
    count = passkeys.shown(credential, challenge, passkey.public_key, passkey.sign_count)
    if count is None:
        return False
    passkey.sign_count, passkey.last_used_at = count, now()
    return True


def use_up(token: str, purpose: str) -> None:
    """A challenge is good once. Raises `Invalid` when somebody was faster."""
    gone: Any = db.session.execute(sa.delete(Challenge).where(Challenge.hash == tokens.fingerprint(token)))
    if not gone.rowcount:
        raise _over(purpose)
