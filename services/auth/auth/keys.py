"""Signing keys: Ed25519 PEM files in one folder, named by the time they were made; the name is the `kid`.

A new key is published at once and signs only `KEYS_AHEAD` seconds later, when everybody who verifies has read
it. The one before stays published until the last token it signed has expired. Every process looks at the
folder twice a second at most, so nothing has to be restarted, and any number of processes agree because they
go by the names alone.
"""

import json
import logging
import os
import secrets
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import current_app

from chassis.problems import Unavailable

log = logging.getLogger(__name__)
AHEAD = 60.0
LONGEST_TOKEN = 3600.0
MARGIN = 60.0
LOOK_EVERY = 0.5
STAMP = "%Y%m%dT%H%M%S.%f"


@dataclass(frozen=True)
class Key:
    """`begins` is when it may sign (Unix time), `ends` when nothing that it signed is good any more."""

    kid: str
    private: Ed25519PrivateKey
    begins: float
    ends: float = float("inf")

    @property
    def public(self) -> dict[str, Any]:
        """As a JWK (RFC 8037)."""
        public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(self.private.public_key()))
        return public | {"kid": self.kid, "alg": "EdDSA", "use": "sig"}


class Keyring:
    """The keys of a folder, to sign and to verify with. Safe to share between threads."""

    def __init__(self, folder: Path, ahead: float = AHEAD) -> None:
        self.folder, self._ahead = folder, ahead
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._keys: list[Key] = []
        self._loaded: dict[str, Ed25519PrivateKey] = {}
        self._refused: set[str] = set()
        self._lacking = False
        self.generation = 0

    def published(self, at: float | None = None) -> list[Key]:
        """Oldest first: all that are waiting, signing, or whose tokens live on."""
        moment = time.time() if at is None else at
        return [key for key in self._current() if key.ends > moment]

    def signing(self, at: float | None = None) -> Key:
        """The newest that was published long enough ago, or else the oldest. Raises `Unavailable`."""
        moment = time.time() if at is None else at
        keys = self.published(moment)
        if not keys:
            raise Unavailable("Nobody can sign in right now: there is no signing key.")
        return next((key for key in reversed(keys) if key.begins <= moment), keys[0])

    def document(self) -> dict[str, Any]:
        """The JWKS document (RFC 7517)."""
        return {"keys": [key.public for key in self.published()]}

    def key(self, kid: str) -> Any:
        """The public key to verify with, or None."""
        return next((key.private.public_key() for key in self.published() if key.kid == kid), None)

    @property
    def known(self) -> bool:
        return bool(self.published())

    complete = known

    def trouble(self) -> str:
        """Why nothing can be signed or verified here, or nothing."""
        if self.known:
            return ""
        try:
            self.check()
        except (OSError, ValueError) as error:
            return str(error)
        return f"there is no signing key in {self.folder}: run prepare"

    def check(self) -> None:
        """Raises `OSError` or `ValueError` for a folder that cannot be read, or a file in it that is no key.
        One that is not there is no fault: `prepare` makes it, and workers need none.
        """
        if self.folder.exists():
            for name in sorted(os.listdir(self.folder)):  # unlike `glob` it says what is wrong
                if name.endswith(".pem"):
                    self._read(name.removesuffix(".pem"))

    def keep_fresh(self) -> None:
        """Called with each token. That there is no key is told once, until there has been one again."""
        if self.known:
            self._lacking = False
        elif not self._lacking:
            self._lacking = True
            log.error("nothing can be signed or verified", extra={"reason": self.trouble()})

    def make(self) -> str:
        """Makes a key; returns its id. The file appears whole, readable by us alone."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kid = f"{datetime.now(UTC).strftime(STAMP)}-{secrets.token_hex(4)}"
        unfinished = self.folder / f"{kid}.new"
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem(Ed25519PrivateKey.generate()))
        unfinished.rename(self.folder / f"{kid}.pem")
        self.look_again()
        return kid

    def remove(self, kid: str) -> bool:
        """Takes a key away: two seconds later nothing it signed is good. Says whether it was there."""
        known = any(key.kid == kid for key in self._current())
        if known:
            (self.folder / f"{kid}.pem").unlink(missing_ok=True)
            self.look_again()
        return known

    def remove_ended(self) -> None:
        for key in self._current():
            if key.ends <= time.time():
                (self.folder / f"{key.kid}.pem").unlink(missing_ok=True)
        self.look_again()

    def look_again(self) -> None:
        self._looked = float("-inf")

    def _current(self) -> list[Key]:
        if self._due():
            with self._lock:
                if self._due():
                    self._look()
        return self._keys

    def _due(self) -> bool:
        return time.monotonic() - self._looked > LOOK_EVERY

    def _look(self) -> None:
        kids = sorted(path.stem for path in self.folder.glob("*.pem")) if self.folder.is_dir() else []
        if kids != list(self._loaded):
            found = {kid: self._loaded.get(kid) or self._load(kid) for kid in kids}
            self._use({kid: key for kid, key in found.items() if key is not None})
        self._looked = time.monotonic()

    def _use(self, loaded: dict[str, Ed25519PrivateKey]) -> None:
        if loaded.keys() != self._loaded.keys():
            self._loaded, self._keys = loaded, timed(loaded, self._ahead)
            self.generation += 1

    def _load(self, kid: str) -> Ed25519PrivateKey | None:
        """Nothing if it is gone since the folder was listed. Nor if it is no key: the others go on."""
        try:
            return self._read(kid)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            if kid not in self._refused:
                log.error("a signing key cannot be used", extra={"reason": str(error)})
            self._refused.add(kid)
            return None

    def _read(self, kid: str) -> Ed25519PrivateKey:
        path = self.folder / f"{kid}.pem"
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{path} is not an Ed25519 key in PEM without a password")
        return key


def timed(loaded: dict[str, Ed25519PrivateKey], ahead: float) -> list[Key]:
    """Each key begins a while after it was made, and ends some time after the next has begun."""
    kids = sorted(loaded)
    begins = [made(kid).timestamp() + ahead for kid in kids]
    keys = [Key(kid, loaded[kid], begin) for kid, begin in zip(kids, begins, strict=True)]
    followed = [
        replace(key, ends=following.begins + LONGEST_TOKEN + MARGIN) for key, following in pairwise(keys)
    ]
    return followed + keys[-1:]


def made(kid: str) -> datetime:
    """A file that somebody named otherwise counts as old as can be."""
    try:
        return datetime.strptime(kid.rpartition("-")[0], STAMP).replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def keyring() -> Keyring:
    return current_app.extensions["keyring"]


def make_first() -> None:
    """A step of `flask prepare`: without a key nobody can sign in."""
    if not keyring().published():
        make_one()


def make_one() -> str:
    """For operators, who are told in one line why it cannot be made."""
    try:
        return keyring().make()
    except OSError as error:
        raise click.ClickException(f"auth: no key can be made in KEYS_DIR: {error}") from None
