"""Secrets that must be read again (of authenticator apps) are kept encrypted with our own key."""

import base64

from cryptography.fernet import Fernet, InvalidToken

from . import tokens


def closed(secret: str) -> str:
    """Encrypted and authenticated (Fernet: AES-128-CBC and HMAC-SHA256)."""
    return _box().encrypt(secret.encode()).decode()


def opened(box: str) -> str:
    """Empty if `SECRET_KEY` is not the one it was closed with."""
    try:
        return _box().decrypt(box.encode()).decode()
    except InvalidToken:
        return ""


def _box() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(bytes.fromhex(tokens.keyed("box", "second factor"))))
