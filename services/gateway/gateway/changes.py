"""What changed at auth: rights that were raised or lost, sessions that ended.

Read twice a second, so that a demotion or a ban holds within one.
"""

import logging
import time
from typing import TYPE_CHECKING, Any

import gevent

from chassis.problems import Unavailable

from . import metrics
from .insider import Insider

if TYPE_CHECKING:
    from .identity import Identity

log = logging.getLogger(__name__)
LONGEST_TOKEN_LIFE = 3700.0  # an older token is expired, so older changes no longer matter
DROPPED_FOR = 90.0  # longer than any answer of auth is kept


class Changes:
    """Knows, for each person, the version of their rights that counts now."""

    def __init__(self, insider: Insider, seconds: float) -> None:
        self._insider, self._seconds = insider, seconds
        self._since = time.time() - LONGEST_TOKEN_LIFE
        self._versions: dict[str, tuple[int, float]] = {}
        self._revoked: dict[str, float] = {}
        self._dropped: dict[str, float] = {}
        self.known = self._away = False

    def hold(self, identity: "Identity") -> bool:
        """Whether the identity is still as auth would give it now."""
        version = self._versions.get(identity.sub)
        return (
            (version is None or identity.version >= version[0])
            and identity.session not in self._revoked
            and self._dropped.get(identity.sub, 0.0) <= identity.made
        )

    def revoked(self, session: str) -> bool:
        return session in self._revoked

    def drop(self, subs: str) -> None:
        """Auth said with an answer that these people's rights have just changed."""
        now = time.monotonic()
        self._dropped.update((sub.strip(), now) for sub in subs.split(",") if sub.strip())

    def read(self) -> None:
        """Raises `Unavailable` when auth is away."""
        found = self._insider.changes(self._since)
        try:
            self._take(found)
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable from error
        self.known = True
        metrics.POLLED.set(time.time())
        self._forget()

    def _take(self, found: dict[str, Any]) -> None:
        now = float(found["now"])
        for change in found["changes"]:
            sub, version = str(change["sub"]), int(change["ver"])
            if version >= self._versions.get(sub, (0, 0.0))[0]:
                self._versions[sub] = (version, float(change["at"]))
        for ended in found["revoked"]:
            self._revoked[str(ended["sid"])] = float(ended["at"])
        self._since = now

    def _forget(self) -> None:
        oldest = self._since - LONGEST_TOKEN_LIFE
        self._versions = {sub: known for sub, known in self._versions.items() if known[1] > oldest}
        self._revoked = {sid: at for sid, at in self._revoked.items() if at > oldest}
        oldest_drop = time.monotonic() - DROPPED_FOR
        self._dropped = {sub: at for sub, at in self._dropped.items() if at > oldest_drop}

    def follow(self) -> None:
        """Reads again and again, for ever."""
        while True:
            try:
                self.read()
                self._away = False
            except Unavailable:
                if not self._away:
                    log.warning("changes not read: auth is away")
                self._away = True
            except Exception:
                log.exception("changes not read")
            gevent.sleep(self._seconds)
