"""Absolute addresses under the site's public address."""

from .settings import settings

GRAVATAR = "https://secure.gravatar.com/avatar"


def absolute(path: str) -> str:
    """`/x` as the outside world must write it."""
    return f"{settings.public_url}{path}"


def avatar_url(digest: str | None) -> str:
    """The picture that belongs to the digest of an address; a local one unless the settings say otherwise."""
    digest = digest or "0" * 32
    if settings.avatars == "gravatar":
        return f"{GRAVATAR}/{digest}?d=identicon&r=g"
    return absolute(f"/avatar/{digest}.svg")
