"""Who is asking: whatever way in was used, one short-lived token that auth signed goes further in.

A token is verified here, offline. Everything else is exchanged at auth, and the answer kept for a minute
under a keyed hash of the credential. When auth is away, an answer past its minute is used till its token ends
if nothing is known against it; what is known to be stale, or was never seen, gets 503. Nobody is ever let
through as a stranger instead.

Nor does what is kept answer guesses: a password is good for the address that it came from, and where a guess
at it from there is not looked at, the right one is not known any more either.
"""

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore

from chassis.problems import Refusal, TooMany, Unauthenticated, Unavailable
from chassis.tokens import Actor, Verifier

from . import metrics
from .changes import Changes
from .credentials import Credential
from .insider import Insider
from .settings import Settings

BEFORE_EXPIRY = 10.0
GRACE = 2.0  # seconds between two tries at auth for one caller while it is away


@dataclass(slots=True)
class Identity:
    """`token` goes to the services; `issued` are tokens that auth gave with it.

    `made` is when auth was asked (0 if verified offline), `fresh_until` when to ask again; both monotonic.
    """

    token: str
    sub: str
    version: int
    session: str
    expires: float
    generation: int
    made: float = 0.0
    fresh_until: float = 0.0
    issued: dict[str, Any] | None = None

    def take_issued(self) -> dict[str, Any] | None:
        """Once: to whom asked for them. Who waited for the same exchange, or comes later, asks auth."""
        taken, self.issued = self.issued, None
        return taken


class Identities:
    def __init__(self, settings: Settings, verifier: Verifier, insider: Insider, changes: Changes) -> None:
        self._verifier, self._insider, self._changes = verifier, insider, changes
        self._seconds, self._most = settings.identity_seconds, settings.identity_entries
        self._key = os.urandom(32)
        self._known: OrderedDict[bytes, Identity] = OrderedDict()
        self._right: OrderedDict[bytes, bytes] = OrderedDict()  # by account and address: its password's key
        self._under_way: dict[bytes, AsyncResult[Identity]] = {}
        self._passwords = BoundedSemaphore(settings.password_exchanges)

    def of(self, credential: Credential, address: str) -> Identity:
        """The identity behind a credential. Raises `Unauthenticated`, `TooMany` or `Unavailable`."""
        key = credential.key(self._key, address)
        known = self._known.get(key)
        if known is not None and known.fresh_until > time.monotonic() and self._holds(known):
            self._known.move_to_end(key)
            metrics.identified("known")
            return known
        return self._once(key, lambda: self._establish(key, credential, address))

    def knows(self, credential: Credential, address: str) -> bool:
        """Whether it was exchanged lately, so that nothing has to be tried."""
        return credential.key(self._key, address) in self._known

    def guessed(self, credential: Credential, address: str) -> None:
        """This password was not looked at, so the right one is not known any more either."""
        right = self._right.pop(self._account(credential, address), None)
        if right is not None:
            self._known.pop(right, None)

    def refused(self, identity: Identity) -> None:
        """A service does not take this token any more: auth is asked before it is used again."""
        identity.fresh_until = 0.0

    def changed(self, subs: str) -> None:
        """Auth has just changed these people: what was learnt before no longer counts."""
        self._changes.drop(subs)
        self._under_way.clear()

    def _holds(self, identity: Identity) -> bool:
        """Verifies again when the published keys have changed: a withdrawn key speaks for nobody."""
        if identity.generation != self._verifier.keys.generation:
            try:
                self._verifier.signed(identity.token)
            except Refusal:
                return False
            identity.generation = self._verifier.keys.generation
        return self._changes.hold(identity)

    def _once(self, key: bytes, work: Callable[[], Identity]) -> Identity:
        """Does the work, or waits for the one who is at it: one exchange at a time for each credential."""
        other = self._under_way.get(key)
        if other is not None:
            return other.get()  # type: ignore[return-value] # it is set, or raises
        mine = self._under_way[key] = AsyncResult()
        try:
            identity = work()
        except BaseException as error:
            mine.set_exception(error if isinstance(error, Exception) else Unavailable())
            raise
        else:
            mine.set(identity)
            return identity
        finally:
            if self._under_way.get(key) is mine:
                del self._under_way[key]

    def _establish(self, key: bytes, credential: Credential, address: str) -> Identity:
        known = self._known.pop(key, None)
        if credential.kind == "token":
            offline = self._verified(credential.secret)
            if offline is not None:
                return self._keep(key, offline, "verified")
        try:
            identity = self._keep(key, self._exchanged(credential, address), "exchanged")
        except TooMany:
            self.guessed(credential, address)
            raise
        except Unavailable:
            if known is None or known.expires <= time.time() or not self._holds(known):
                self.guessed(credential, address)
                metrics.identified("unavailable")
                raise
            identity = self._keep(key, replace(known, fresh_until=time.monotonic() + GRACE), "auth away")
        if credential.kind == "password":
            self._note_right(self._account(credential, address), key)
        return identity

    def _note_right(self, account: bytes, key: bytes) -> None:
        self._right[account] = key
        if len(self._right) > self._most:
            _, oldest = self._right.popitem(last=False)
            self._known.pop(oldest, None)

    def _account(self, credential: Credential, address: str) -> bytes:
        return credential._replace(secret="").key(self._key, address)

    def _keep(self, key: bytes, identity: Identity, way: str) -> Identity:
        self._known[key] = identity
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        metrics.identified(way)
        return identity

    def _verified(self, token: str) -> Identity | None:
        """The token itself, if nothing has changed since it was made; None if auth must be asked."""
        actor = self._verifier.signed(token)
        if self._changes.revoked(actor.session):
            raise Unauthenticated
        identity = self._identity(token, actor)
        identity.fresh_until = time.monotonic() + actor.expires - time.time()
        return identity if self._changes.known and self._changes.hold(identity) else None

    def _exchanged(self, credential: Credential, address: str) -> Identity:
        """Asks auth; once more if the person changed while it was being asked."""
        for _ in range(2):
            identity = self._asked(credential, address)
            if self._changes.hold(identity):
                break
        return identity

    def _asked(self, credential: Credential, address: str) -> Identity:
        made = time.monotonic()
        token, issued = self._exchange(credential, address)
        identity = self._identity(token, self._verifier.signed(token))
        identity.made, identity.issued = made, issued
        left = identity.expires - time.time() - BEFORE_EXPIRY
        identity.fresh_until = made + min(self._seconds, left)
        return identity

    def _exchange(self, credential: Credential, address: str) -> tuple[str, dict[str, Any] | None]:
        if credential.kind != "password":
            return self._insider.exchange(credential, address)
        if not self._passwords.acquire(blocking=False):
            raise Unavailable("Too many people are signing in at once. Try again in a moment.", retry_after=1)
        try:
            return self._insider.exchange(credential, address)
        finally:
            self._passwords.release()

    def _identity(self, token: str, actor: Actor) -> Identity:
        generation = self._verifier.keys.generation
        return Identity(token, str(actor.id), actor.version, actor.session, actor.expires, generation)
