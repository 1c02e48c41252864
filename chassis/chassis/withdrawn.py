"""What the issuer of tokens has taken back before its time: sessions that ended, rights that have changed.

Tokens are verified offline, so by itself a withdrawn one would speak until it ends. The issuer's list of
recent changes is read twice a second; what that costs a request is two looks into dictionaries.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from .http import Client

log = logging.getLogger(__name__)
LONGEST_TOKEN_LIFE = 3700.0  # seconds; an older token is expired, so older changes no longer matter
GRACE = 0.6  # seconds that whoever hands tokens on has to fetch one with the rights of now
FORGET_EVERY = 60.0
Reader = Callable[[float], dict[str, Any]]
"""Gives the changes since a Unix time: `now`, `changes` (`sub`, `ver`, `at`), `revoked` (`sid`, `at`)."""


def changes_reader(url: str, secret: str) -> Reader:
    """Reads the list of the issuer at `url`, by the internal credential."""
    client = Client(url, sentence="What was withdrawn is not known.", credential=f"Internal {secret}", pool=1)

    def read(since: float) -> dict[str, Any]:
        answer = client.get(f"?since={since:.3f}")
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
        """Raises what the reader raises, and `KeyError`, `TypeError` or `ValueError` for nonsense."""
        if self._read is not None:
            self._take(self._read(self._since))

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

    def _take(self, found: dict[str, Any]) -> None:
        now = float(found["now"])
        for change in found["changes"]:
            id, version, at = int(change["sub"]), int(change["ver"]), float(change["at"])
            if version > self._versions.get(id, (0, 0.0, 0.0))[0]:
                self._versions[id] = version, time.monotonic() + self._grace - (now - at), at
        for ended in found["revoked"]:
            self._revoked[str(ended["sid"])] = float(ended["at"])
        self._since = now
        if now > self._forget_at:
            self._forget_at = now + FORGET_EVERY
            self._forget(now - LONGEST_TOKEN_LIFE)

    def _forget(self, oldest: float) -> None:
        self._versions = {id: known for id, known in self._versions.items() if known[2] > oldest}
        self._revoked = {sid: at for sid, at in self._revoked.items() if at > oldest}
