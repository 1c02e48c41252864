"""Sessions of browsers and programs: how they begin and end, and the short-lived tokens given for them."""

import secrets
import time
from datetime import timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from chassis.events import now
from chassis.problems import Invalid, NotAllowed, NotFound, Unauthenticated
from chassis.reading import Locking
from chassis.tokens import Actor

from .. import origin, queries, tokens
from ..models import Kind, Session, db
from . import guesses, log
from .proofs import Disabled, judged
from .rows import held
from .second import SIGN_IN, Second, begin_challenge, pending, prove_second, use_up, void_challenges

REMEMBERED = timedelta(days=365)
IDLE = timedelta(hours=12)
NOTED_EVERY = timedelta(minutes=5)
BROWSER = "browser"
DISABLED = (
    "This account has been disabled. If you think that is a mistake, ask an administrator of this site."
)
# Nothing if what was proven holds no more: a password may be reset while it is hashed. The lock makes one of
# the two wait, so that whoever ends all sessions ends this one, too; and so that of two who sign in the later
# counts the session of the other.
OPEN = Locking(
    "INSERT INTO sessions (sid, user_id, kind, cookie_hash, agent, address, created_at, last_seen,"
    " expires_at, idle_seconds)"
    " SELECT :sid, id, :kind, :cookie_hash, :agent, :address, :at, :at, :expires_at, :idle_seconds FROM users"
    " WHERE id = :user AND password_ver = :password_ver AND second_factor = :second_factor"
    " AND NOT disabled AND removed_at IS NULL FOR NO KEY UPDATE"
).bindparams(
    sa.bindparam("at", type_=Session.created_at.type),
    sa.bindparam("expires_at", type_=Session.expires_at.type),
)
# Whoever signs in without end keeps the latest; each that ends is told to all who verify tokens.
MOST = 100
END_OLDEST = sa.text(
    "UPDATE sessions SET revoked_at = :at WHERE sid IN (SELECT sid FROM sessions"
    " WHERE user_id = :user AND revoked_at IS NULL ORDER BY last_seen DESC, sid LIMIT 1000 OFFSET :most)"
).bindparams(sa.bindparam("at", type_=Session.revoked_at.type))


class SignedIn(NamedTuple):
    session: str
    max_age: int | None
    token: str
    user_id: int
    device: str


class Begun(NamedTuple):
    """The password was right; `pending` is what the second step is sent with."""

    pending: str


def sign_in(email: str, password: str, *, remember: bool, device: str = "") -> SignedIn | Begun:
    """Opens a browser's session, unless a second step is needed first.

    Raises as `proven`, but `NotAllowed` for who has shown that the account is theirs, and that is disabled.
    """
    try:
        account, guess = judged(email, password, guesses.keys_of(email, origin.current().address, device))
    except Disabled:
        raise NotAllowed(DISABLED) from None
    if account["second_factor"]:
        refuse_outdated(account)
        token, _ = begin_challenge(account["id"], SIGN_IN, remember)
        guesses.take_back(guess)
        db.session.commit()
        return Begun(token)
    return opened(account, remember, device, "password", guess=guess)


def finish_sign_in(token: str, shown: Second, *, device: str = "") -> SignedIn:
    """The second step. Raises `Invalid` when it comes too late, else as `prove_second`."""
    begun = pending(token, SIGN_IN)
    account = queries.account(begun["user_id"])
    way = prove_second(account, shown, begun["challenge"], device)
    return opened(account, begun["remember"], device, way, token)


def opened(
    account: queries.Row,
    remember: bool,
    device: str,
    way: str,
    begun: str = "",
    guess: guesses.Guess | None = None,
) -> SignedIn:
    """A session for a browser, which is known from now on (`device` is its cookie); `begun` is used up, and
    `guess` taken back.
    """
    cookie, life = tokens.new_secret(), REMEMBERED if remember else IDLE
    idle = None if remember else int(IDLE.total_seconds())
    sid = new_session(account, BROWSER, life, tokens.fingerprint(cookie), idle)
    if begun:
        use_up(begun, SIGN_IN)
    log.note(Kind.SIGNED_IN, account["id"], way=way)
    if guess:
        guesses.take_back(guess)
    db.session.commit()
    token, _ = tokens.sign(account, ["session"], session=sid)
    known = guesses.remembered_device(account["email"], device)
    return SignedIn(cookie, int(life.total_seconds()) if remember else None, token, account["id"], known)


def new_session(
    account: queries.Row,
    kind: str,
    life: timedelta,
    cookie_hash: str | None = None,
    idle_seconds: int | None = None,
) -> str:
    """Its number; within the transaction. Raises `Unauthenticated` if the account is not as it was proven."""
    at, sid = now(), secrets.token_hex(16)
    row = {"sid": sid, "user": account["id"], "kind": kind, "at": at, "expires_at": at + life}
    row |= {"cookie_hash": cookie_hash, "idle_seconds": idle_seconds} | origin.current()._asdict()
    row |= {name: account[name] for name in ("password_ver", "second_factor")}
    if not db.change(OPEN, row):
        raise Unauthenticated
    db.change(END_OLDEST, {"user": account["id"], "at": at, "most": MOST})
    return sid


def refuse_outdated(account: queries.Row) -> None:
    """Raises `Unauthenticated` if the account is not as it was proven; within the transaction."""
    try:
        user = held(account["id"])
    except NotFound:
        raise Unauthenticated from None
    if user.disabled or user.password_ver != account["password_ver"]:
        raise Unauthenticated


def exchange_session(cookie: str) -> tuple[str, int]:
    """A short-lived token for a browser's session, which lives on by being used."""
    row = queries.session_by_cookie(tokens.fingerprint(cookie))
    if row is None:
        raise Unauthenticated
    keep_alive(row)
    return tokens.sign(row, ["session"], session=row["sid"], until=row["expires_at"].timestamp())


def keep_alive(row: queries.Row) -> None:
    """Writes at most every few minutes."""
    at = now()
    if at - row["session_seen"] < NOTED_EVERY:
        return
    change: dict[str, Any] = {"last_seen": at}
    if row["idle_seconds"] is not None:
        change["expires_at"] = at + timedelta(seconds=row["idle_seconds"])
    db.session.execute(sa.update(Session).where(Session.sid == row["sid"]).values(change))
    db.session.commit()


def exchange_token(token: str) -> tuple[str, int]:
    """The same token with the rights of now; it never lives longer than the one it was made from."""
    actor = tokens.verified(token)
    row = standing(actor)
    if actor.expires <= time.time():
        raise Unauthenticated
    return tokens.sign(row, actor.methods, session=actor.session, until=actor.expires)


def standing(actor: Actor) -> queries.Row:
    """The account behind a token, if what the token was given for still holds. Raises `Unauthenticated`."""
    if actor.session:
        row = queries.live_session(actor.session)
        good = row is not None and row["id"] == actor.id
    else:
        row = queries.account_of(actor)
        by_password = "pwd" in actor.methods and actor.version >= row["password_ver"]
        good = by_password and not row["disabled"]
    if row is None or not good:
        raise Unauthenticated
    return row


def end_session(actor: Actor, sid: str) -> None:
    """Ends one session of the caller."""
    if not sid:
        raise Invalid("Send the token that is to end: these credentials have no session.")
    revoke(Session.user_id == actor.id, Session.sid == sid)
    log.note(Kind.SESSION_ENDED, actor.id)
    db.session.commit()


def end_all_sessions(actor: Actor) -> None:
    """Signs the caller out everywhere, here too."""
    user = held(actor.id)
    revoke(Session.user_id == user.id)
    void_challenges(user.id)
    user.raise_ver(now())
    log.note(Kind.SESSIONS_ENDED, user.id)
    db.session.commit()


def revoke(*which: sa.ColumnElement[bool]) -> None:
    """Ends sessions within the transaction; their rows stay until every token of theirs has expired."""
    chosen = sa.update(Session).where(Session.revoked_at.is_(None), *which)
    db.session.execute(chosen.values(revoked_at=now()).execution_options(synchronize_session=False))
