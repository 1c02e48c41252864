"""Tokens that are wrong in one way each (A7; RFC 8725 says why): some forged, some signed with the real key."""

import base64
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auth.keys import Keyring
from chassis.tokens import LEEWAY

from .site import Site

EVERYTHING = 0xFF  # rights
KIDS = ("", " ", "none", "../../../../dev/null", "/dev/null", "file:///dev/null", "' OR '1'='1", "x' UNION SELECT 'x", "k\x00", "*",
        "http://127.0.0.1:1/jwks.json", "$(id)", "a" * 2000, 0, None, True, [], {}, ["x"], {"$ne": ""})  # fmt: skip
TYPES = ("JWT", "jwt", "at+JWT2", "", "application/json", None, 0, ["at+jwt"], "refresh+jwt", "at+jwt\x00")
ALGORITHMS = (
    "none",
    "None",
    "NONE",
    "nOnE",
    "",
    None,
    0,
    [],
    "HS256",
    "HS384",
    "RS256",
    "ES256",
    "PS256",
    "EdDSA ",
    "eddsa",
    "Ed448",
    "ED25519\x00",
)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class Mint:
    """Makes tokens with the real signing key of a running blog, as nobody else can."""

    def __init__(self, site: Site, id: int, username: str) -> None:
        key = Keyring(site.blog.stack.data / "keys").signing()
        self.key, at = key.private, int(time.time())
        self.header = {"alg": "EdDSA", "typ": "at+jwt", "kid": key.kid}
        self.claims = {
            "iss": "auth", "aud": "api", "sub": str(id), "username": username, "perms": EVERYTHING, "confirmed": True,
            "ver": 10**6, "amr": ["pwd"], "iat": at, "exp": at + 3600, "jti": uuid.uuid4().hex,
        }  # fmt: skip

    def good(self) -> str:
        return self.signed()

    def signed(self, claims: Any = None, header: Any = None, key: Any = None) -> str:
        """Signed whatever it says: the parts are put together here, not by a library that would mind."""
        told = f"{part(header or self.header)}.{part(self.claims if claims is None else claims)}"
        signature = (key or self.key).sign(told.encode())
        return f"{told}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    def wrong(self) -> Iterator[tuple[str, str]]:
        """Name and token."""
        yield from self._headers()
        yield from self._claims()
        yield from self._keys()
        yield from self._shapes()

    def _headers(self) -> Iterator[tuple[str, str]]:
        head, body, signature = self.good().split(".")
        for alg in ALGORITHMS:
            yield f"alg {alg!r}, signed", self.signed(header=self.header | {"alg": alg})
            yield f"alg {alg!r}, no signature", f"{part(self.header | {'alg': alg})}.{body}."
            yield (
                f"alg {alg!r}, another's signature",
                f"{part(self.header | {'alg': alg})}.{body}.{signature}",
            )
        for kid in KIDS:
            yield f"kid {str(kid)[:20]!r}", self.signed(header=self.header | {"kid": kid})
        for typ in TYPES:
            yield f"typ {typ!r}", self.signed(header=self.header | {"typ": typ})
        for name in ("alg", "typ", "kid"):
            yield (
                f"no {name}",
                self.signed(header={key: value for key, value in self.header.items() if key != name}),
            )
        for extra in ({"crit": ["exp2"], "exp2": 1}, {"b64": False, "crit": ["b64"]}):
            yield f"critical {extra}", self.signed(header=self.header | extra)
        yield "head is a list", self.signed(header=[self.header])
        yield (
            "head of the good one, claims changed",
            f"{head}.{part(self.claims | {'sub': '999'})}.{signature}",
        )

    def _claims(self) -> Iterator[tuple[str, str]]:
        at = int(time.time())
        late = at - LEEWAY - 60
        for change in (
            {"iss": "somebody"}, {"iss": None}, {"iss": ["auth"]}, {"iss": ""}, {"iss": "auth "}, {"iss": "AUTH"},
            {"aud": "other"}, {"aud": None}, {"aud": []}, {"aud": ["other"]}, {"aud": ""}, {"aud": "api2"}, {"aud": {"api": 1}},
            {"exp": late}, {"exp": 0}, {"exp": -1}, {"exp": None}, {"exp": "never"}, {"exp": []}, {"exp": "9" * 400},
            {"iat": at + 3600}, {"iat": "x"}, {"iat": None}, {"nbf": at + 3600}, {"nbf": "x"}, {"jti": None},
            {"sub": None}, {"sub": ""}, {"sub": "root"}, {"sub": "1 OR 1=1"}, {"sub": {}}, {"perms": "all"}, {"perms": None},
            {"perms": [1]}, {"ver": None}, {"ver": "x"}, {"username": None},
        ):  # fmt: skip
            if change != {"username": None}:
                yield f"claims {str(change)[:40]}", self.signed(self.claims | change)
        for name in ("iss", "aud", "sub", "iat", "exp", "jti", "ver", "perms", "username", "confirmed"):
            yield f"no {name}", self.signed({key: value for key, value in self.claims.items() if key != name})
        for claims in ([], "x", 1, None, [self.claims], {}):
            yield f"claims are {str(claims)[:10]}", self.signed(claims if claims is not None else "null")

    def _keys(self) -> Iterator[tuple[str, str]]:
        own = Ed25519PrivateKey.generate()
        public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(own.public_key()))
        raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        pem = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        plain = {name: value for name, value in self.header.items() if name != "alg"}
        yield "own key", self.signed(key=own)
        yield "own key in the head", self.signed(header=self.header | {"jwk": public}, key=own)
        for where in ("jku", "x5u"):
            yield (
                f"own key at {where}",
                self.signed(header=self.header | {where: "http://127.0.0.1:1/jwks.json"}, key=own),
            )
        yield "own key in x5c", self.signed(header=self.header | {"x5c": [part(public)]}, key=own)
        for name, form in (("raw", raw), ("PEM", pem)):
            text = self.key.public_key().public_bytes(*form)
            yield f"HMAC with the public key, {name}", hmac(self.claims, text, plain)
        yield "HMAC with nothing", hmac(self.claims, b"", plain)
        other = generate_private_key(SECP256R1())
        yield "another curve", jwt.encode(self.claims, other, "ES256", headers=plain)

    def _shapes(self) -> Iterator[tuple[str, str]]:
        good = self.good()
        head, body, signature = good.split(".")
        yield from (
            ("no signature", f"{head}.{body}"), ("empty signature", f"{head}.{body}."), ("cut", good[:-4]), ("empty", ".."),
            ("two signatures", f"{good}.{signature}"), ("five parts", f"{head}.{body}.{signature}.{body}.{signature}"),
            ("signature of zeros", f"{head}.{body}.{'A' * len(signature)}"), ("parts turned", f"{body}.{head}.{signature}"),
            ("no body", f"{head}..{signature}"), ("not base64", f"{head}.{body}.!!!!"), ("twice", f"{good}{good}"),
            ("long", f"{head}.{body}{'A' * 8000}.{signature}"), ("JSON form", part({"payload": body, "signatures": []})),
        )  # fmt: skip


def hmac(claims: dict[str, Any], secret: bytes, head: dict[str, Any]) -> str:
    """By hand: the library refuses to take a public key for a secret."""
    import hashlib
    import hmac as hashes

    told = f"{part(head | {'alg': 'HS256'})}.{part(claims)}"
    mac = hashes.new(secret, told.encode(), hashlib.sha256).digest()
    return f"{told}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
