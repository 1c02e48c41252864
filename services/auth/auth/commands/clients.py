"""What programs sign in with: a password that is exchanged, tokens, and how those are refreshed."""

import logging
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from chassis.events import now
from chassis.problems import NotAllowed, SecondStepNeeded, Unauthenticated
from chassis.tokens import Actor

from .. import queries, tokens
from ..models import Kind, RefreshToken, Session, db
from . import guesses, log
from .proofs import judged
from .second import Second, prove_second
from .sessions import new_session, revoke, standing

warnings = logging.getLogger(__name__)
API = "api"
REFRESH = timedelta(seconds=tokens.REFRESH_LIFE)
GRACE = timedelta(seconds=20)
ONCE_AN_HOUR = guesses.Rule(1, 3600.0, "")
CODE_NEEDED = 'This account has a second factor. Send a code of it as `otp` in the body: {"otp": "123456"}.'
ADD_REFRESH = sa.text(
    "INSERT INTO refresh_tokens (hash, sid, expires_at) VALUES (:hash, :sid, :expires_at)"
).bindparams(sa.bindparam("expires_at", type_=RefreshToken.expires_at.type))


def exchange_password(
    email: str, password: str, address: str, *, issue: bool = False
) -> tuple[str, int, dict[str, Any] | None]:
    """A short-lived token for a password, its life, and the tokens that were asked for. Raises as `proven`.

    The log tells it once an hour for each address, unless it tells of tokens: whoever asks for those gets
    them with it, in the same transaction, unless `issue_tokens` would have something to say against it.
    """
    account, guess = judged(email, password, guesses.keys_of(email, address))
    if issue and account["confirmed"] and not account["second_factor"]:
        sid, secret = new_client(account)
        guesses.take_back(guess)
        db.session.commit()
        return *tokens.sign(account, ["pwd"]), pair(account, sid, secret)
    if guesses.first(f"used:{account['id']}:{guesses.network(address)}", guess.moment, ONCE_AN_HOUR):
        log.note(Kind.PASSWORD_USED, account["id"])
    guesses.take_back(guess)
    db.session.commit()
    return *tokens.sign(account, ["pwd"]), None


def issue_tokens(actor: Actor, otp: str | None = None) -> dict[str, Any]:
    """A token and a refresh token for an API client, in a session of their own.

    Raises `SecondStepNeeded` when the account has a second factor and no code was sent, else as
    `prove_second`.
    """
    account = confirmed(standing(actor))
    if account["second_factor"]:
        if not otp:
            raise SecondStepNeeded(CODE_NEEDED)
        prove_second(account, Second(otp=otp))
    sid, secret = new_client(account)
    db.session.commit()
    return pair(account, sid, secret)


def new_client(account: queries.Row) -> tuple[str, str]:
    """A session of an API client and its refresh token; within the transaction. Raises as `new_session`."""
    sid, secret = new_session(account, API, REFRESH), tokens.new_secret()
    log.note(Kind.TOKENS_ISSUED, account["id"])
    add_refresh_token(sid, secret, now())
    return sid, secret


def pair(account: queries.Row, sid: str, refresh_token: str) -> dict[str, Any]:
    token, life = tokens.sign(account, ["token"], session=sid, life=tokens.API_LIFE)
    return {
        "token": token,
        "expiration": life,
        "refresh_token": refresh_token,
        "refresh_expiration": tokens.REFRESH_LIFE,
    }


def confirmed(account: queries.Row) -> queries.Row:
    if not account["confirmed"]:
        raise NotAllowed("Unconfirmed account")
    return account


def add_refresh_token(sid: str, secret: str, at: datetime) -> None:
    db.change(ADD_REFRESH, {"hash": tokens.fingerprint(secret), "sid": sid, "expires_at": at + REFRESH})


def refresh(secret: str) -> dict[str, Any]:
    """New tokens for a refresh token, which is used up by it.

    Shown again within `GRACE` it gives the same successor, for a client that missed the answer. Later it
    means that two have it: the session ends. Raises `Unauthenticated`.
    """
    hash = tokens.fingerprint(secret)
    token = db.session.get(RefreshToken, hash, with_for_update=True, populate_existing=True)
    row = queries.live_session(token.sid) if token else None
    at = now()
    if token is None or row is None or token.expires_at <= at:
        raise Unauthenticated
    confirmed(row)
    if token.used_at is not None and at - token.used_at > GRACE:
        end_stolen(row)
    following = tokens.successor(secret)
    if token.used_at is None:
        token.used_at = at
        add_refresh_token(token.sid, following, at)
        alive = {"last_seen": at, "expires_at": at + REFRESH}
        db.session.execute(sa.update(Session).where(Session.sid == token.sid).values(alive))
    db.session.commit()
    return pair(row, row["sid"], following)


def end_stolen(row: queries.Row) -> None:
    warnings.warning("a used refresh token came again; its session ends", extra={"user": row["id"]})
    revoke(Session.sid == row["sid"])
    log.note(Kind.TOKEN_REUSED, row["id"])
    db.session.commit()
    raise Unauthenticated
