"""A security key made of software (WebAuthn, "none" attestation, ES256), for tests without a browser."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import urlsplit

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec


def text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


class Authenticator:
    def __init__(self, origin: str) -> None:
        self.origin, self.raw_id, self.count = origin, secrets.token_bytes(16), 0
        self.id = text(self.raw_id)
        self._key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """As `navigator.credentials.create`."""
        numbers = self._key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)})
        attested = bytes(16) + len(self.raw_id).to_bytes(2) + self.raw_id + cose
        statement = {"fmt": "none", "attStmt": {}, "authData": self._data(0x45, 0) + attested}
        return self._credential(
            clientDataJSON=text(self._client("webauthn.create", options["challenge"], self.origin)),
            attestationObject=text(cbor2.dumps(statement)),
        )

    def get(
        self, options: dict[str, Any], origin: str = "", forged: bool = False, count: int = 0
    ) -> dict[str, Any]:
        """As `navigator.credentials.get`."""
        self.count += 1
        data = self._data(0x05, count or self.count)
        client = self._client("webauthn.get", options["challenge"], origin or self.origin)
        signed = data + hashlib.sha256(client).digest() + (b"x" if forged else b"")
        return self._credential(
            clientDataJSON=text(client),
            authenticatorData=text(data),
            signature=text(self._key.sign(signed, ec.ECDSA(hashes.SHA256()))),
        )

    def _client(self, type: str, challenge: str, origin: str) -> bytes:
        return json.dumps({"type": type, "challenge": challenge, "origin": origin}).encode()

    def _data(self, flags: int, count: int) -> bytes:
        host = urlsplit(self.origin).hostname or ""
        return hashlib.sha256(host.encode()).digest() + bytes([flags]) + count.to_bytes(4)

    def _credential(self, **response: str) -> dict[str, Any]:
        return {"id": self.id, "rawId": self.id, "type": "public-key", "response": response}
