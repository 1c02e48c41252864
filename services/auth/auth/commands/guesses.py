"""Throttles: how often something may be tried for one key (an account, an address, a browser) in a while.

A try is noted before it is looked at, so that many at once do not slip through, and taken back when it was
right. No e-mail address is kept here, and an unknown one is treated like any other.
"""

import ipaddress
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa

from chassis import marks
from chassis.events import now
from chassis.problems import TooMany
from chassis.reading import Locking
from chassis.settings import settings

from .. import addresses, queries, tokens
from ..models import Guesses, db

NOTE = (
    "INSERT INTO guesses (key, moments, last_at) VALUES {rows} ON CONFLICT (key)"
    " DO UPDATE SET moments = trim(guesses.moments || ' ' || excluded.moments), last_at = excluded.last_at"
    " RETURNING key, moments"
)
KEEP = sa.text("UPDATE guesses SET moments = :moments WHERE key = :key")
# In the order in which notes are made: two at once, of the same person, do not wait for each other crosswise.
FORGET = Locking(
    "UPDATE guesses SET moments = trim(replace(' ' || moments || ' ', ' ' || :moment || ' ', ' '))"
    " WHERE key IN"
    " (SELECT key FROM guesses WHERE key IN (:first, :last) ORDER BY key FOR UPDATE)"
)
DEVICES = 4  # accounts that one browser is known for


@dataclass(frozen=True)
class Rule:
    """At most `most` tries within `seconds`."""

    most: int
    seconds: float
    sentence: str


@dataclass(frozen=True)
class Guess:
    keys: list[str]
    moment: str


def passwords_rule() -> Rule:
    sentence = "Too many wrong passwords. Wait a while, then try again."
    return Rule(settings.password_guesses, settings.guess_minutes * 60.0, sentence)


def mails_rule() -> Rule:
    sentence = "Enough mails have been sent to this address for now. Look for them, or try again later."
    return Rule(settings.mails_per_hour, 3600.0, sentence)


@cache
def noting(keys: int) -> sa.TextClause:
    """The statement that notes a try for so many keys."""
    rows = ", ".join(f"(:key{number}, :moment, :at)" for number in range(keys))
    noted = sa.text(NOTE.format(rows=rows))  # habit: names of values
    return noted.bindparams(sa.bindparam("at", type_=Guesses.last_at.type))


def note(keys: list[str], rule: Rule) -> Guess:
    """Notes a try, for one key or two. Raises `TooMany` when it must not be made."""
    guess = Guess(sorted(keys), f"{time.time():.6f}")  # sorted: two at once never block each other
    refuse_full(queries.guesses(guess.keys), rule)  # so a flood costs a read and no lock
    refuse_full(count(guess, rule), rule)
    db.session.commit()
    return guess


def count(guess: Guess, rule: Rule) -> list[str]:
    """Adds a try to the transaction; tells which came before it that still count, for each key."""
    values = {f"key{number}": key for number, key in enumerate(guess.keys)}
    noted = db.taken(noting(len(guess.keys)), values | {"moment": guess.moment, "at": now()})
    return [before(row["key"], row["moments"], rule) for row in noted]


def before(key: str, moments: str, rule: Rule) -> str:
    """All but the last that still count; the others are forgotten."""
    *earlier, _ = kept = recent(moments, rule)
    if len(kept) < len(moments.split()):
        db.change(KEEP, {"key": key, "moments": " ".join(kept)})
    return " ".join(earlier)


def take_back(guess: Guess) -> None:
    """It was right, or was not evaluated after all; within the transaction."""
    db.change(FORGET, {"first": guess.keys[0], "last": guess.keys[-1], "moment": guess.moment})


def first(key: str, moment: str, rule: Rule) -> bool:
    """Whether nothing was noted for this key before this, which is noted within the transaction then."""
    if any(recent(moments, rule) for moments in queries.guesses([key])):
        return False
    return not any(count(Guess([key], moment), rule))


def keys_of(email: str, address: str, device: str = "") -> list[str]:
    """Whose tries these are: of the account and of the address, unless the browser is one that the account
    has signed in with before: then of that browser alone, so that nobody can lock its owner out.
    """
    if known := known_device(email, device):
        return [f"device:{known}"]
    keys = [f"account:{of_address(email)}"]
    return [*keys, f"address:{network(address)}"] if address else keys


def codes_key(id: int, email: str, device: str = "") -> str:
    """The known browsers of an account have one count: each sign-in without a mark gives another, so whoever
    had the password alone once may hold any number. Nobody comes here without the password of now.
    """
    return f"device:{device_owner(email)}-codes" if known_device(email, device) else f"codes:{id}"


def mail_keys(email: str) -> list[str]:
    return [f"mail:{of_address(email)}"]


def of_account(id: int, email: str) -> tuple[list[str], str]:
    """Every key of an account, and how those of its browsers begin. What an address has tried is nobody's."""
    keys = [f"account:{of_address(email)}", *mail_keys(email), f"mails of:{id}"]
    return keys, f"device:{device_owner(email)}-"


def of_address(email: str) -> str:
    return tokens.keyed("guesses", addresses.normal(email))


def known_device(email: str, device: str) -> str:
    """What the cookie of a browser says of this account, if it has signed in there."""
    owner = device_owner(email)
    texts = (marks.read(secret(), "device", mark) for mark in device.split("~"))
    return next((text for text in texts if text and text.partition("-")[0] == owner), "")


def remembered_device(email: str, device: str) -> str:
    """The cookie for a browser in which this account has just signed in; it keeps what it was before."""
    if known_device(email, device):
        return device
    kept = [mark for mark in device.split("~") if marks.read(secret(), "device", mark)]
    fresh = marks.marked(secret(), "device", f"{device_owner(email)}-{tokens.new_secret()[:22]}")
    return "~".join([fresh, *kept][:DEVICES])


def device_owner(email: str) -> str:
    return tokens.keyed("device", addresses.normal(email))[:20]


def secret() -> str:
    """The gateway knows browsers by it, too."""
    return str(settings.internal_secret.get_secret_value())


def network(address: str) -> str:
    """IPv6 gives everybody at least 2^64 addresses; those count as one, but for IPv4 in IPv6's clothes."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))


def recent(moments: str, rule: Rule) -> list[str]:
    return [moment for moment in moments.split() if float(moment) > time.time() - rule.seconds]


def refuse_full(found: Iterable[str], rule: Rule) -> None:
    for moments in (recent(text, rule) for text in found):
        if len(moments) >= rule.most:
            db.session.rollback()
            wait = float(moments[-rule.most]) + rule.seconds - time.time()
            raise TooMany(rule.sentence, retry_after=max(int(wait) + 1, 1))
