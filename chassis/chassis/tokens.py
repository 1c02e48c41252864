"""Verifying identity tokens, offline, against the issuer's published keys. Signing lives with the issuer
alone.

A token is a JWT access token (RFC 9068: `typ: at+jwt`), signed with Ed25519 (RFC 8037). Keys come from a
JWKS document (RFC 7517),
kept in memory, refreshed in the background, and asked for at once when a token names a key that is not
known yet.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import orjson
from cachetools import TTLCache

from .http import Client
from .problems import Unauthenticated, Unavailable

log = logging.getLogger(__name__)
LEEWAY = 5.0
REQUIRED = ["iss", "aud", "sub", "iat", "exp", "jti"]
ASK_AGAIN_AFTER, ASK_SOON = 1.0, 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking, as the token says."""

    id: int
    username: str
    bits: int
    confirmed: bool
    avatar: str
    version: int
    session: str
    methods: tuple[str, ...]
    expires: float

    def can(self, bits: int) -> bool:
        """Whether all the bits are held. An unconfirmed account holds none."""
        return self.confirmed and self.bits & bits == bits


def actor_of(claims: dict[str, Any]) -> Actor:
    return Actor(
        id=int(claims["sub"]),
        username=str(claims["username"]),
        bits=int(claims["perms"]),
        confirmed=claims["confirmed"] is True,
        avatar=str(claims.get("avatar") or ""),
        version=int(claims["ver"]),
        session=str(claims.get("sid") or ""),
        methods=tuple(claims.get("amr") or ()),
        expires=float(claims["exp"]),
    )


def jwks_reader(address: str) -> Callable[[], bytes]:
    """Reads the key set from `http(s)://…`, or from a file for tests and offline checks."""
    if address.startswith(("http://", "https://")):
        client = Client(address, sentence="The keys that tell who is asking cannot be read right now.")
        return lambda: client.get("").content
    return Path(address).read_bytes


class Keys:
    """The published keys: one fetch at a time, at most one a second however many strange tokens arrive."""

    def __init__(self, read: Callable[[], bytes], refresh: float) -> None:
        self._read, self._refresh = read, refresh
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked = self._fetched = float("-inf")
        self._lock = threading.Lock()
        self._document = b""
        self.generation = 0

    def key(self, kid: str) -> jwt.PyJWK | None:
        if kid not in self._keys:
            self.fetch()
        return self._keys.get(kid)

    @property
    def known(self) -> bool:
        return bool(self._keys)

    def learn(self) -> None:
        """Reads the keys at the start, until the issuer is there: so people are known when it goes away,
        even if nobody has asked for anything before.
        """
        while not self._keys:
            self.fetch()

    def keep_fresh(self) -> None:
        """Starts a refresh in the background when it is due, so that no request waits for it."""
        now = time.monotonic()
        due = now - self._fetched > self._refresh and now - self._asked > ASK_AGAIN_AFTER
        if due and self._keys and not self._lock.locked():
            threading.Thread(target=self.fetch, name="jwks", daemon=True).start()

    def fetch(self) -> None:
        """Reads the key set again, unless somebody just did. Keeps the known keys when the issuer is away.

        As long as none is known at all, it is asked for sooner, and those who wait share one answer: a
        request that comes while everything starts is not refused for that.
        """
        came = time.monotonic()
        with self._lock:
            since = time.monotonic() - self._asked
            if self._asked >= came or (self._keys and since < ASK_AGAIN_AFTER):
                return
            if since < ASK_SOON:
                time.sleep(ASK_SOON - since)
            self._asked = time.monotonic()
            try:
                document = self._read()
                found = {key["kid"]: jwt.PyJWK(key) for key in orjson.loads(document)["keys"]}
            except Exception as error:
                log.warning("keys not read", extra={"reason": str(error)})
                return
            self._fetched = time.monotonic()
            if document != self._document:
                self._document, self.generation = document, self.generation + 1
            self._keys = found


class Verifier:
    """Turns a token into an `Actor`, or refuses it. Safe to share between threads.

    Args:
        read: gives the JWKS document.
        issuer, audience: what `iss` and `aud` must be.
        refresh: seconds after which the key set is read again.
    """

    def __init__(
        self, read: Callable[[], bytes], *, issuer: str, audience: str, refresh: float = 30.0
    ) -> None:
        self.keys = Keys(read, refresh)
        self._issuer, self._audience = issuer, audience
        self._seen: TTLCache[tuple[int, str], Actor] = TTLCache(4096, ttl=300)
        self._lock = threading.Lock()

    def actor(self, token: str) -> Actor:
        """Raises `Unauthenticated` for a token that is not good now, `Unavailable` while no key is known at
        all.
        """
        self.keys.keep_fresh()
        marker = (self.keys.generation, token)
        with self._lock:
            known = self._seen.get(marker)
        if known is None:
            known = self._verified(token)
            with self._lock:
                self._seen[(self.keys.generation, token)] = known
        if known.expires + LEEWAY < time.time():
            raise Unauthenticated
        return known

    def _verified(self, token: str) -> Actor:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != "at+jwt" or header.get("alg") != "EdDSA":
                raise Unauthenticated
            key = self.keys.key(str(header.get("kid")))
            if key is None:
                raise (
                    Unauthenticated if self.keys.known else Unavailable("Nobody can be recognised right now.")
                )
            claims = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY,
                options={"require": REQUIRED},
            )
            return actor_of(claims)
        except (jwt.PyJWTError, ValueError, KeyError, TypeError) as error:
            raise Unauthenticated from error
