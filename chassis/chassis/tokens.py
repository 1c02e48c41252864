"""Verifying identity tokens, offline, against the issuer's published keys. Signing lives with the issuer
alone.

A token is a JWT access token (RFC 9068: `typ: at+jwt`), signed with Ed25519 (RFC 8037). Keys come from a
JWKS document (RFC 7517), kept in memory. A thread asks for it again every second, so that a withdrawn key
speaks for nobody two seconds later; a token that names a key that is not known yet asks at once. The same
thread asks twice a second what else was withdrawn.
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
from requests import codes

from .http import Client
from .problems import Unauthenticated, Unavailable
from .withdrawn import Withdrawn

log = logging.getLogger(__name__)
LEEWAY = 5.0
REQUIRED = ["iss", "aud", "sub", "iat", "exp", "jti"]
UNKNOWN = "Who is asking cannot be told right now. Try again in a moment."
ASK_SOON, LONGEST_WAIT = 0.1, 3.0  # seconds


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
    lacks: str = ""  # what is still to be proven; until then the token is good for nothing else

    def can(self, bits: int) -> bool:
        """Whether all the bits are held. An unconfirmed account holds none."""
        return self.confirmed and self.bits & bits == bits


def actor_of(claims: dict[str, Any]) -> Actor:
    """Raises `ValueError`, `KeyError` or `TypeError` for claims that are not of their kind."""
    if not isinstance(claims["exp"], int | float):
        raise TypeError("exp is no number")
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
        lacks=str(claims.get("lacks") or ""),
    )


Reader = Callable[[], bytes]
"""Gives the JWKS document."""


def jwks_reader(address: str) -> Reader:
    """Reads the key set from `http(s)://…`, or from a file for tests and offline checks."""
    if address.startswith(("http://", "https://")):
        return Published(address).read
    return Path(address).read_bytes


class Published:
    """The key set at an address; what has not changed is not sent again (RFC 9110, section 13)."""

    def __init__(self, address: str) -> None:
        self._client = Client(address, sentence="The keys that tell who is asking cannot be read right now.")
        self._tag, self._document = "", b""

    def read(self) -> bytes:
        answer = self._client.get("", headers={"If-None-Match": self._tag} if self._tag else {})
        if answer.status_code != codes.not_modified:
            answer.raise_for_status()
            self._tag, self._document = answer.headers.get("ETag", ""), answer.content
        return self._document


class Keys:
    """The published keys. Whoever knows the key of a token waits for nobody: no lock is held while reading.

    Args:
        read: gives the document.
        refresh: seconds between two readings; 0: only when a key is not known.
        beside: what the thread does twice as often.
    """

    def __init__(self, read: Reader, refresh: float, beside: Callable[[], None] = lambda: None) -> None:
        self._read, self._refresh, self._beside = read, refresh, beside
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = float("-inf")
        self._turn = threading.Lock()
        self._arrived = threading.Condition()
        self._follower: threading.Thread | None = None
        self._document = b""
        self._away = False
        self.generation = 0

    def key(self, kid: str) -> jwt.PyJWK | None:
        if kid not in self._keys:
            self.fetch()
        return self._keys.get(kid)

    @property
    def known(self) -> bool:
        return bool(self._keys)

    @property
    def complete(self) -> bool:
        """Whether a key that is not among these does not exist. While the issuer is away, nobody here can
        tell: it may have published one since.
        """
        return bool(self._keys) and not self._away

    def keep_fresh(self) -> None:
        """Sees to it that somebody reads them again and again: a thread, which does not survive a fork."""
        if not self._followed():
            with self._arrived:
                if not self._followed():
                    self._follower = threading.Thread(target=self._follow, name="jwks", daemon=True)
                    self._follower.start()

    def _followed(self) -> bool:
        return not self._refresh or (self._follower is not None and self._follower.is_alive())

    def _follow(self) -> None:
        """For ever. At the start until the issuer is there: so people are known when it goes away, even if
        nobody has asked for anything before.
        """
        while True:
            self._beside()
            self.fetch()
            time.sleep((self._refresh if self._keys else ASK_SOON) / 2)
            self._beside()
            time.sleep((self._refresh if self._keys else ASK_SOON) / 2)

    def fetch(self) -> None:
        """Reads the key set again; keeps the known keys when the issuer is away.

        One does it at a time, the others wait for what it finds. Strange tokens, however many arrive, make it
        ten readings a second at most, and a token of a key made just now is not refused for that.
        """
        came = time.monotonic()
        if self._turn.acquire(blocking=False):
            try:
                time.sleep(max(self._fetched + ASK_SOON - came, 0))
                self._replace()
            finally:
                self._fetched = time.monotonic()
                self._turn.release()
                with self._arrived:
                    self._arrived.notify_all()
        else:
            with self._arrived:
                self._arrived.wait_for(lambda: self._fetched > came, LONGEST_WAIT)

    def _replace(self) -> None:
        try:
            document = self._read()
            if document != self._document:
                self._keys = {key["kid"]: jwt.PyJWK(key) for key in orjson.loads(document)["keys"]}
                self._document, self.generation = document, self.generation + 1
        except Exception as error:
            if not self._away:
                log.warning("keys not read", extra={"reason": str(error)})
            self._away = True
        else:
            self._away = False


class Verifier:
    """Turns a token into an `Actor`, or refuses it. Safe to share between threads.

    Args:
        read: gives the JWKS document.
        issuer, audience: what `iss` and `aud` must be.
        refresh: seconds after which the key set is read again.
        withdrawn: what is no longer good although it was signed.
    """

    def __init__(
        self,
        read: Reader,
        *,
        issuer: str,
        audience: str,
        refresh: float = 1.0,
        withdrawn: Withdrawn | None = None,
    ) -> None:
        self.withdrawn = withdrawn or Withdrawn()
        self.keys = Keys(read, refresh, self.withdrawn.look)
        self._issuer, self._audience = issuer, audience
        self._seen: TTLCache[tuple[int, str], Actor] = TTLCache(4096, ttl=300)
        self._lock = threading.Lock()

    def actor(self, token: str) -> Actor:
        """Raises `Unauthenticated` for a token that is not good now, `Unavailable` while no key is known at
        all.
        """
        self.catch_up()
        actor = self.signed(token)
        if not self.withdrawn.holds(actor.id, actor.version, actor.session):
            raise Unauthenticated
        return actor

    def catch_up(self) -> None:
        """Learns what was withdrawn, where no thread does."""

    def signed(self, token: str) -> Actor:
        """The same, whatever was withdrawn since: for those who ask the issuer themselves."""
        self.keys.keep_fresh()
        generation = self.keys.generation  # of before the look: keys may change meanwhile
        with self._lock:
            known = self._seen.get((generation, token))
        if known is None:
            known = self._verified(token)
            self.remember(token, known, generation)
        if known.expires + LEEWAY < time.time():
            raise Unauthenticated
        return known

    def remember(self, token: str, actor: Actor, generation: int) -> None:
        """This token need not be verified again, as long as the keys are those of this generation."""
        with self._lock:
            self._seen[generation, token] = actor

    def _verified(self, token: str) -> Actor:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != "at+jwt" or header.get("alg") != "EdDSA":
                raise Unauthenticated
            key = self.keys.key(str(header.get("kid")))
            if key is None:
                raise Unauthenticated if self.keys.complete else Unavailable(UNKNOWN)
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
