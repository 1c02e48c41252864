"""Absolute addresses under the site's public address."""

from typing import NamedTuple

from flask import current_app

GRAVATAR = "https://secure.gravatar.com/avatar"


class Site(NamedTuple):
    """Where the outside world finds this site, and the pictures of people. Whoever writes many addresses asks
    for it once: to look the settings up for each costs more than to write it.
    """

    url: str
    gravatar: bool

    def avatar_url(self, digest: str | None) -> str:
        """The picture that belongs to the digest of an address; a local one unless the settings say
        otherwise.
        """
        digest = digest or "0" * 32
        return f"{GRAVATAR}/{digest}?d=identicon&r=g" if self.gravatar else f"{self.url}/avatar/{digest}.svg"


def site() -> Site:
    """The site of the service that is running."""
    told = current_app.extensions["settings"]
    return Site(told.public_url, told.avatars == "gravatar")


def absolute(path: str) -> str:
    """`/x` as the outside world must write it."""
    return f"{site().url}{path}"


def avatar_url(digest: str | None) -> str:
    return site().avatar_url(digest)
