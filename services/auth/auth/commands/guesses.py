"""The throttle: at most `MOST` wrong passwords within `WINDOW` seconds, for one account and from one address.

A guess is noted before it is looked at, so that many at once do not slip through, and taken back when it
was right.
"""

import ipaddress
import time
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from chassis.events import now
from chassis.problems import TooMany

from .. import queries, tokens
from ..models import Guesses, db

MOST, WINDOW = 10, 900.0
SENTENCE = "Too many wrong passwords. Wait a while, then try again."
MEET = sa.text(
    "INSERT INTO guesses (key, moments, last_at) VALUES (:key, '', :at) ON CONFLICT (key) DO NOTHING"
).bindparams(sa.bindparam("at", type_=Guesses.last_at.type))


@dataclass(frozen=True)
class Guess:
    keys: list[str]
    moment: str


def note(email: str, address: str) -> Guess:
    """Notes a guess. Raises `TooMany` when it must not be evaluated."""
    guess = Guess(keys_of(email, address), f"{time.time():.6f}")
    refuse_full(queries.guesses(guess.keys).values())  # a flood costs one read and no lock
    db.session.execute(MEET, [{"key": key, "at": now()} for key in guess.keys])
    rows = held(guess)
    refuse_full(row.moments for row in rows)
    for row in rows:
        row.moments = " ".join([*recent(row.moments), guess.moment])
        row.last_at = now()
    db.session.commit()
    return guess


def take_back(guess: Guess) -> None:
    """It was right, or was not evaluated after all."""
    for row in held(guess):
        moments = row.moments.split()
        if guess.moment in moments:
            moments.remove(guess.moment)
        row.moments = " ".join(moments)
    db.session.commit()


def held(guess: Guess) -> list[Guesses]:
    """The rows of a guess, locked in one order."""
    rows = sa.select(Guesses).where(Guesses.key.in_(guess.keys)).order_by(Guesses.key).with_for_update()
    return list(db.session.scalars(rows.execution_options(populate_existing=True)))


def keys_of(email: str, address: str) -> list[str]:
    """No e-mail address is kept here, and an unknown one is treated like any other."""
    keys = [f"account:{tokens.keyed('guesses', email.strip().lower())}"]
    if address:
        keys.append(f"address:{network(address)}")
    return sorted(keys)


def network(address: str) -> str:
    """IPv6 gives everybody at least 2^64 addresses; those count as one."""
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return address[:64]
    return address if version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


def recent(moments: str) -> list[str]:
    return [moment for moment in moments.split() if float(moment) > time.time() - WINDOW]


def refuse_full(found: Iterable[str]) -> None:
    for moments in map(recent, found):
        if len(moments) >= MOST:
            wait = float(moments[-MOST]) + WINDOW - time.time()
            raise TooMany(SENTENCE, retry_after=max(int(wait) + 1, 1))
