"""Passwords: which are good enough, and how they are kept (argon2id, RFC 9106; parameters of OWASP's sheet).

A hash takes 19 MiB and some 10 ms of a core, so only two run at once in a process and few may wait: a flood
of sign-ins cannot take the machine. Never call `hashed` or `matches` inside a database transaction.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError
from flask import current_app

from chassis.deputy import aside
from chassis.problems import Invalid, Unavailable
from chassis.settings import settings

log = logging.getLogger(__name__)
LONGEST = 256
AT_ONCE, WAITING, PATIENCE = 2, 16, 2.0
BUSY = "Too many people are signing in right now. Try again in a moment."


class Gate:
    """Lets few in at once and few wait, at most `patience` seconds. Raises `Unavailable` for the others."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING, patience: float = PATIENCE) -> None:
        self._inside = threading.Semaphore(at_once)
        self._places = threading.Semaphore(at_once + waiting)
        self._patience = patience

    @contextmanager
    def entered(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Unavailable(BUSY, retry_after=2)
        aside()
        try:
            if not self._inside.acquire(timeout=self._patience):
                raise Unavailable(BUSY, retry_after=2)
            try:
                yield
            finally:
                self._inside.release()
        finally:
            self._places.release()


class Hasher:
    """The one way of this process to hash passwords.

    Args:
        memory: KiB for each hash.
        rounds: passes over that memory.
    """

    def __init__(self, memory: int, rounds: int) -> None:
        self._argon2 = PasswordHasher(time_cost=rounds, memory_cost=memory, parallelism=1)
        self.gate = Gate()
        self._nobody = self._argon2.hash("nobody has this password")

    def hashed(self, password: str) -> str:
        """Raises `Unavailable` when too many wait, or when there was no memory for it."""
        with self.gate.entered():
            try:
                return self._argon2.hash(password)
            except HashingError as error:
                raise _not_looked_at(error) from error

    def matches(self, password: str, hash: str | None) -> bool:
        """Takes as long for an account that does not exist (no hash) as for one that does.

        Raises `Unavailable` when too many wait, or when it could not be looked at.
        """
        with self.gate.entered():
            try:
                return self._argon2.verify(hash or self._nobody, password) and hash is not None
            except (VerifyMismatchError, InvalidHashError):
                return False
            except VerificationError as error:
                raise _not_looked_at(error) from error

    def outdated(self, hash: str) -> bool:
        """Whether the parameters have been raised since."""
        return self._argon2.check_needs_rehash(hash)


def _not_looked_at(error: Exception) -> Unavailable:
    log.error("a password could not be hashed", extra={"reason": str(error)})
    return Unavailable(BUSY)


def hasher() -> Hasher:
    return current_app.extensions["hasher"]


def hashed(password: str) -> str:
    """Raises `Unavailable` when too many wait."""
    return hasher().hashed(password)


def matches(password: str, hash: str | None) -> bool:
    """Raises `Unavailable` when too many wait."""
    return hasher().matches(password, hash)


@cache
def well_known() -> frozenset[str]:
    """Passwords that every guesser tries first."""
    lines = (Path(__file__).parent / "well_known_passwords.txt").read_text().splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def accept(password: str, username: str, email: str, field: str = "password") -> None:
    """Raises `Invalid` with the reason why a password is not good enough."""
    reason = wrong_with(password, username, email)
    if reason:
        message = f"{field} {reason}"
        raise Invalid(message, errors=[{"field": field, "message": message}])


def wrong_with(password: str, username: str, email: str) -> str:
    lower = password.lower()
    if len(password) < settings.password_min_length:
        return f"must have at least {settings.password_min_length} characters"
    if lower in well_known():
        return "is one of the best-known passwords of all; choose another"
    if lower in (username.lower(), email.lower(), email.partition("@")[0].lower()):
        return "must not be your username or e-mail address"
    return ""
