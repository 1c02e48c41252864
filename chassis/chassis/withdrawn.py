"""What the issuer of tokens has taken back before its time: sessions that ended, rights that have changed.

Tokens are verified offline, so by itself a withdrawn one would speak until it ends. The issuer's list of
recent changes is read twice a second; what that costs a request is two looks into dictionaries.
"""

import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from .http import Client

log = logging.getLogger(__name__)
LONGEST_TOKEN_LIFE = 3700.0  # seconds; an older token is expired, so older changes no longer matter
GRACE = 0.6  # seconds that whoever hands tokens on has to fetch one with the rights of now
FORGET_EVERY = 60.0
PAGE = 1000  # of how many the issuer is asked to tell at once
Reader = Callable[..., dict[str, Any]]
"""Gives the changes since a Unix time: `now`, `changes` (`sub`, `ver`, `at`), `revoked` (`sid`, `at`). Where
that is not all there is `next`: said behind the time, it gives the changes from there on.
"""


def asking(since: float, after: str = "") -> str:
    """How the issuer is asked for a page: the query string. One that knows no pages tells everything."""
    return f"?since={since:.3f}&size={PAGE}" + (f"&after={quote(after, safe='')}" if after else "")


def changes_reader(url: str, secret: str) -> Reader:
    """Reads the list of the issuer at `url`, by the internal credential."""
    client = Client(url, sentence="What was withdrawn is not known.", credential=f"Internal {secret}", pool=1)

    def read(since: float, after: str = "") -> dict[str, Any]:
        answer = client.get(asking(since, after))
        answer.raise_for_status()
        return answer.json()

    return read


class Withdrawn:
    """Knows, for each person, the version of their rights that counts now, and which sessions have ended.

    Args:
        read: gives the list; without it nothing is ever withdrawn.
        grace: for so many seconds after a change of rights, tokens with those before are still good.
    """

    def __init__(self, read: Reader | None = None, grace: float = GRACE) -> None:
        self._read, self._grace = read, grace
        self._since = time.time() - LONGEST_TOKEN_LIFE
        self._versions: dict[int, tuple[int, float, float]] = {}  # version, since when it counts, changed at
        self._revoked: dict[str, float] = {}
        self._forget_at, self._away = 0.0, False

    def holds(self, id: int, version: int, session: str) -> bool:
        """Whether what was given to somebody in this session, with this version, is still good."""
        if session in self._revoked:
            return False
        known = self._versions.get(id)
        return known is None or version >= known[0] or time.monotonic() < known[1]

    def ended(self, session: str) -> bool:
        return session in self._revoked

    def read(self) -> None:
        """Reads to the end of the list, page by page; what came of a page counts, whatever comes of the next.

        Raises what the reader raises, and `KeyError`, `TypeError` or `ValueError` for nonsense.
        """
        if self._read is None:
            return
        found = self._read(self._since)
        began = self._take(found)
        while after := found.get("next"):
            found = self._read(self._since, str(after))
            self._take(found)
            if found.get("next") == after:
                raise ValueError("the list of changes does not go on")
        self._since = began  # what is committed late, behind where the pages are by then, overlaps
        if began > self._forget_at:
            self._forget_at = began + FORGET_EVERY
            self._forget(began - LONGEST_TOKEN_LIFE)

    def look(self) -> None:
        """Reads; when that fails, what is known stays."""
        try:
            self.read()
        except Exception as error:
            if not self._away:
                log.warning("withdrawals not read", extra={"reason": str(error)})
            self._away = True
        else:
            self._away = False

    def _take(self, found: dict[str, Any]) -> float:
        """Gives the time of the answer."""
        now = float(found["now"])
        for change in found["changes"]:
            id, version, at = int(change["sub"]), int(change["ver"]), float(change["at"])
            if version > self._versions.get(id, (0, 0.0, 0.0))[0]:
                self._versions[id] = version, time.monotonic() + self._grace - (now - at), at
        for ended in found["revoked"]:
            self._revoked[str(ended["sid"])] = float(ended["at"])
        return now

    def _forget(self, oldest: float) -> None:
        self._versions = {id: known for id, known in self._versions.items() if known[2] > oldest}
        self._revoked = {sid: at for sid, at in self._revoked.items() if at > oldest}
