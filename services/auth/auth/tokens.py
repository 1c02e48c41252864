"""Signing identity tokens (RFC 9068), and the secrets of sessions, refresh tokens and links in mails."""

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Sequence
from typing import Any

import jwt
from flask import current_app

from chassis.settings import settings
from chassis.tokens import Actor, Verifier, actor_of
from chassis.withdrawn import Withdrawn

from . import queries
from .keys import LONGEST_TOKEN, LOOK_EVERY, Keyring, keyring
from .models import Permission

API_LIFE = int(LONGEST_TOKEN)
EXCHANGED_LIFE = 300
REFRESH_LIFE = 30 * 24 * 3600


class OwnVerifier(Verifier):
    """Verifies with the keys in the folder, and with what the database says has changed: the issuer does not
    ask itself over HTTP, and looks only when it is asked.
    """

    def __init__(self, ring: Keyring, issuer: str, audience: str) -> None:
        super().__init__(lambda: b"", issuer=issuer, audience=audience, withdrawn=Withdrawn(queries.changes))
        self.keys = ring  # type: ignore[assignment]
        self._turn, self._looked = threading.Lock(), float("-inf")

    def catch_up(self) -> None:
        if time.monotonic() - self._looked > LOOK_EVERY and self._turn.acquire(blocking=False):
            try:
                self.withdrawn.look()
            finally:
                self._looked = time.monotonic()
                self._turn.release()


def sign(
    user: Any, methods: Sequence[str], *, session: str = "", life: int = EXCHANGED_LIFE, until: float = 0
) -> tuple[str, int]:
    """A token for an account as it is now, and the seconds that it lives.

    A password alone, where the account has a second factor, gives one that is good for nothing but to go on
    to the second step (`lacks`): without rights and confirmed nowhere, so that nobody takes it by mistake.

    Args:
        user: a row of `queries.account` or the like.
        methods: how the person proved who it is (`amr`, RFC 8176).
        until: Unix time that it must not outlive, if any.
    """
    lacks = "second factor" if user["second_factor"] and list(methods) == ["pwd"] else ""
    at = int(time.time())
    expires = min(at + life, int(until)) if until else at + life
    claims = {
        "iss": settings.token_issuer,
        "aud": settings.token_audience,
        "sub": str(user["id"]),
        "username": user["username"],
        "perms": 0 if lacks else permissions(user),
        "confirmed": bool(user["confirmed"]) and not lacks,
        "avatar": user["avatar_hash"],
        "ver": user["ver"],
        "sid": session,
        "amr": list(methods),
        "iat": at,
        "exp": expires,
        "jti": secrets.token_hex(16),
    }
    if lacks:
        claims["lacks"] = lacks
    ring = keyring()
    generation, key = ring.generation, ring.signing()
    token = jwt.encode(claims, key.private, "EdDSA", headers={"typ": "at+jwt", "kid": key.kid})
    verifier().remember(token, actor_of(claims), generation)
    return token, expires - at


def permissions(user: Any) -> int:
    """Of the role; where administrators must have a second factor, one without it administers nothing."""
    bits: int = user["permissions"]
    missing = settings.admin_second_factor and not user["second_factor"]
    return bits & ~Permission.ADMIN if missing else bits


def new_secret() -> str:
    """256 random bits, safe in URLs and cookies."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """What the database keeps of a secret; enough for 256 random bits, never for a password."""
    return hashlib.sha256(secret.encode()).hexdigest()


def keyed(purpose: str, text: str) -> str:
    """An HMAC that only this installation can make."""
    key = settings.secret_key.get_secret_value().encode()
    return hmac.new(key, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def successor(refresh_token: str) -> str:
    """The next refresh token after this one: always the same, for a client that missed the answer."""
    return keyed("refresh", refresh_token)


def verified(token: str) -> Actor:
    """Who a token speaks for, whatever has changed since. Raises `Unauthenticated`."""
    return verifier().signed(token)


def verifier() -> Verifier:
    return current_app.extensions["verifier"]
