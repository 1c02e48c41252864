"""What changed at auth: rights that were raised or lost, sessions that ended.

Read twice a second, so that a demotion or a ban holds within one.
"""

import logging
import time
from typing import TYPE_CHECKING

import gevent

from chassis.problems import Unavailable
from chassis.withdrawn import Withdrawn

from . import metrics
from .insider import Insider

if TYPE_CHECKING:
    from .identity import Identity

log = logging.getLogger(__name__)
DROPPED_FOR = 90.0  # longer than any answer of auth is kept


class Changes:
    """Knows whether what was learnt of somebody still counts."""

    def __init__(self, insider: Insider, seconds: float) -> None:
        self._withdrawn, self._seconds = Withdrawn(insider.changes, grace=0), seconds
        self._dropped: dict[str, float] = {}
        self.known = self._away = False

    def hold(self, identity: "Identity") -> bool:
        """Whether the identity is still as auth would give it now."""
        return (
            self._withdrawn.holds(int(identity.sub), identity.version, identity.session)
            and self._dropped.get(identity.sub, 0.0) <= identity.made
        )

    def revoked(self, session: str) -> bool:
        return self._withdrawn.ended(session)

    def drop(self, subs: str) -> None:
        """Auth said with an answer that these people's rights have just changed."""
        now = time.monotonic()
        self._dropped.update((sub.strip(), now) for sub in subs.split(",") if sub.strip())

    def read(self) -> None:
        """Raises `Unavailable` when auth is away."""
        try:
            self._withdrawn.read()
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable from error
        self.known = True
        metrics.POLLED.set(time.time())
        oldest = time.monotonic() - DROPPED_FOR
        self._dropped = {sub: at for sub, at in self._dropped.items() if at > oldest}

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
