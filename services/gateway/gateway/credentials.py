"""The four ways in: a bearer token, Basic with a token, Basic with e-mail and password, a session cookie."""

import base64
import binascii
import re
from hashlib import blake2b
from typing import NamedTuple

from chassis.problems import Unauthenticated

from .visit import Visit

TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
SESSION = re.compile(r"[A-Za-z0-9_-]{16,256}")
SESSION_COOKIES = ("session", "__Host-session")
LONGEST_TOKEN = 4096
LONGEST_EMAIL, LONGEST_PASSWORD = 254, 256


class Credential(NamedTuple):
    """What was sent. `kind` is `token`, `password` or `session`. With a password goes which request it came
    with, from which program, and whether that asks for tokens and says nothing more.
    """

    kind: str
    secret: str
    email: str = ""
    request_id: str = ""
    agent: str = ""
    issue: bool = False

    def came_with(self, visit: Visit) -> "Credential":
        route = visit.route
        issue = route is not None and route.issues and visit.method == "POST" and not visit.has_body
        return self._replace(request_id=visit.request_id, agent=visit.agent, issue=issue)

    def key(self, secret: bytes, address: str) -> bytes:
        """A name for it that tells nothing about it (keyed BLAKE2b is a MAC, RFC 7693). A password has one
        for each address: what its owner has shown answers no guess from elsewhere.
        """
        where = address if self.kind == "password" else ""
        text = f"{self.kind}\0{self.email}\0{self.secret}\0{where}"
        return blake2b(text.encode("utf-8", "surrogatepass"), key=secret, digest_size=16).digest()


def presented(visit: Visit, cookie_name: str) -> Credential | None:
    """The credential of a request, if there is one. Raises `Unauthenticated` for one that makes no sense."""
    header = visit.environ.get("HTTP_AUTHORIZATION")
    if header is not None:
        return _from_header(header)
    cookies = visit.environ.get("HTTP_COOKIE")
    return _from_cookies(cookies, cookie_name) if cookies else None


def _from_header(header: str) -> Credential:
    scheme, _, rest = header.partition(" ")
    scheme, rest = scheme.lower(), rest.strip()
    if scheme == "bearer":
        return _token(rest)
    if scheme == "basic":
        return _basic(rest)
    raise Unauthenticated


def _token(text: str) -> Credential:
    if len(text) > LONGEST_TOKEN or TOKEN.fullmatch(text) is None:
        raise Unauthenticated
    return Credential("token", text)


def _basic(encoded: str) -> Credential:
    """RFC 7617. An empty password means that the user name is a token; an empty user name is refused."""
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise Unauthenticated from None
    if not user or not colon:
        raise Unauthenticated
    if not password:
        return _token(user)
    if len(user) > LONGEST_EMAIL or len(password) > LONGEST_PASSWORD:
        raise Unauthenticated
    return Credential("password", password, user)


def without_session(header: str) -> str:
    """The cookies of a request without the one that is a credential: that ends here."""
    pairs = (pair.strip() for pair in header.split(";"))
    return "; ".join(pair for pair in pairs if pair and pair.partition("=")[0] not in SESSION_COOKIES)


def _from_cookies(header: str, name: str) -> Credential | None:
    """The session cookie. Two of them would mean that somebody else set one, so neither is believed."""
    found = [
        value for key, _, value in (pair.strip().partition("=") for pair in header.split(";")) if key == name
    ]
    if not found:
        return None
    if len(found) > 1 or SESSION.fullmatch(found[0]) is None:
        raise Unauthenticated
    return Credential("session", found[0])
