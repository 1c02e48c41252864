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
TABLE = Guesses.__table__
MEET = sa.text(
    "INSERT INTO guesses (key, moments, last_at) VALUES (:key, '', :at) ON CONFLICT (key) DO NOTHING"
).bindparams(sa.bindparam("at", type_=Guesses.last_at.type))
HELD = (
    sa.select(TABLE.c.key, TABLE.c.moments)
    .where(TABLE.c.key.in_(sa.bindparam("keys", expanding=True)))
    .order_by(TABLE.c.key)
    .with_for_update()
)
KEEP = (
    sa.update(TABLE)
    .where(TABLE.c.key == sa.bindparam("of"))
    .values(moments=sa.bindparam("moments"), last_at=sa.bindparam("last_at"))
)
FORGET = (
    sa.update(TABLE)
    .where(TABLE.c.key == sa.bindparam("of"))
    .values(moments=sa.func.replace(TABLE.c.moments, sa.bindparam("moment"), ""))
)


@dataclass(frozen=True)
class Guess:
    keys: list[str]
    moment: str


def note(email: str, address: str) -> Guess:
    """Notes a guess. Raises `TooMany` when it must not be evaluated."""
    guess = Guess(keys_of(email, address), f"{time.time():.6f}")
    known = queries.guesses(guess.keys)
    refuse_full(known.values())  # so a flood costs one read and no lock
    if unknown := [{"key": key, "at": now()} for key in guess.keys if key not in known]:
        db.session.execute(MEET, unknown)
    rows = db.session.execute(HELD, {"keys": guess.keys}).all()
    refuse_full(row.moments for row in rows)
    db.session.execute(
        KEEP,
        [
            {"of": row.key, "moments": " ".join([*recent(row.moments), guess.moment]), "last_at": now()}
            for row in rows
        ],
    )
    db.session.commit()
    return guess


def take_back(guess: Guess) -> None:
    """It was right, or was not evaluated after all."""
    db.session.execute(FORGET, [{"of": key, "moment": guess.moment} for key in guess.keys])
    db.session.commit()


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
