"""Marks: short texts that every process of an installation recognises as made by one of its own.

A mark is readable by anybody and signed (HMAC-SHA256) with a key of its purpose, derived from the internal
credential. Put nothing secret into it.
"""

import hashlib
import hmac


def marked(secret: str, purpose: str, text: str) -> str:
    """`text` with its signature behind it; safe in cookies and URLs if the text is."""
    return f"{text}.{_signature(secret, purpose, text)}"


def read(secret: str, purpose: str, mark: str) -> str | None:
    """The text of a mark of this purpose; None for anything else."""
    text, _, signature = mark.rpartition(".")
    if not text or not mark.isascii():
        return None
    return text if hmac.compare_digest(signature, _signature(secret, purpose, text)) else None


def _signature(secret: str, purpose: str, text: str) -> str:
    key = hmac.digest(secret.encode(), f"mark:{purpose}".encode(), hashlib.sha256)
    return hmac.digest(key, text.encode(), hashlib.sha256)[:16].hex()
