"""Limits: how many requests of a class one address may make in a window of time. Before anything costs.

Classes: sign-in, registration, mail (what makes auth send one), writes, reads. An address is a whole /64 for
IPv6. A browser that auth knows (its mark is verified here, offline) has a sign-in limit of its own, so that a
flood from its network does not lock its owner out. What one person writes is counted in bytes, from wherever:
each is kept several times over, and for good. Windows are fixed and follow the clock, so that counting
is one addition: in this process, or in a Redis that several gateways share. When that is away, each counts
for itself.
"""

import ipaddress
import logging
import time
from functools import lru_cache
from typing import Any, NamedTuple

from limits import parse
from limits.storage import storage_from_string

from chassis.marks import read
from chassis.problems import TooMany

from . import metrics
from .headers import Headers
from .settings import LIMITS, Settings
from .visit import Visit

log = logging.getLogger(__name__)
SIGN_IN, REGISTRATION, MAIL, WRITES, READS, TEXT = LIMITS
COSTLY = {
    "/auth/login": SIGN_IN,
    "/auth/login/second": SIGN_IN,
    "/api/v1/tokens/": SIGN_IN,
    "/auth/register": REGISTRATION,
    "/api/v1/users/": REGISTRATION,
    "/auth/confirm": MAIL,
    "/auth/reset": MAIL,
    "/auth/change-email": MAIL,
    "/api/v1/users/reset": MAIL,
    "/api/v1/users/me/confirmation": MAIL,
    "/api/v1/users/me/email": MAIL,
}
KEPT_NOWHERE = ("/api/v1/preview", "/preview")
MUCH = "You have written very much in a short time. Wait a while, then go on."
SENTENCE = "Too many requests from your network. Wait a little, then try again."
MOST_COUNTED = 100_000  # addresses of one class in one window; the others then share one count
AWAY_SECONDS = 5.0


class Policy(NamedTuple):
    name: str
    most: int
    seconds: int


class Memory:
    """Counts of this process: for each class those of the window that is now."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[int, dict[str, int]]] = {}

    def add(self, policy: Policy, window: int, who: str, amount: int = 1) -> int:
        current, counts = self._windows.get(policy.name, (-1, {}))
        if current != window:
            counts = {}
            self._windows[policy.name] = window, counts
        if who not in counts and len(counts) >= MOST_COUNTED:
            who = ""
        counts[who] = count = counts.get(who, 0) + amount
        return count


class Shared:
    """Counts in Redis; in memory while it is away, which it is asked about every few seconds."""

    def __init__(self, url: str, seconds: float) -> None:
        self._redis: Any = storage_from_string(
            url, socket_timeout=seconds, socket_connect_timeout=seconds, protocol=2
        )
        self._memory, self._again = Memory(), 0.0
        metrics.LIMITS_SHARED.set(1)

    def add(self, policy: Policy, window: int, who: str, amount: int = 1) -> int:
        now = time.monotonic()
        if now < self._again:
            return self._memory.add(policy, window, who, amount)
        try:
            count = int(self._redis.incr(f"limit:{policy.name}:{window}:{who}", policy.seconds, amount))
        except Exception as error:
            self._again = time.monotonic() + AWAY_SECONDS
            metrics.LIMITS_SHARED.set(0)
            log.warning("limits are counted here: Redis is away", extra={"reason": type(error).__name__})
            return self._memory.add(policy, window, who, amount)
        if self._again:
            self._again = 0.0
            metrics.LIMITS_SHARED.set(1)
        return count


class Limits:
    def __init__(self, settings: Settings) -> None:
        self._policies = policies(settings)
        self._secret = settings.internal_secret.get_secret_value()
        self._cookie = "__Host-device" if settings.https else "device"
        url = settings.ratelimit_storage_url
        self._counts: Memory | Shared = Shared(url, settings.ratelimit_storage_seconds) if url else Memory()

    def take(self, visit: Visit) -> None:
        """Counts a request, and notes for its answer what is left. Raises `TooMany`."""
        name = class_of(visit)
        self._count(visit, name, self._who(visit, name))

    def take_sign_in(self, visit: Visit) -> None:
        """For a password that has to be tried, wherever it was sent."""
        if class_of(visit) != SIGN_IN:
            self._count(visit, SIGN_IN, self._who(visit, SIGN_IN))

    def take_text(self, visit: Visit, size: int) -> None:
        """Counts what somebody who is signed in writes for others to read. Raises `TooMany`.

        Who has written too much may still sign out, change a password, and remove things.
        """
        route = visit.route
        if not size or route is None or visit.identity is None or class_of(visit) == READS:
            return
        if route.service != "auth" and not route.pattern.startswith(("/auth/", *KEPT_NOWHERE)):
            self._count(visit, TEXT, visit.identity.sub, size)

    def _count(self, visit: Visit, name: str, who: str, amount: int = 1) -> None:
        policy = self._policies.get(name)
        if policy is None:
            return
        now = time.time()
        window = int(now // policy.seconds)
        count = self._counts.add(policy, window, who, amount)
        reset = int((window + 1) * policy.seconds - now) + 1
        if name != TEXT or count > policy.most:  # an answer tells of one limit: requests, until text is over
            visit.limits = headers(policy, max(policy.most - count, 0), reset)
        if count > policy.most:
            metrics.limited(name)
            raise TooMany(MUCH if name == TEXT else SENTENCE, retry_after=reset)

    def _who(self, visit: Visit, name: str) -> str:
        if name == SIGN_IN and "device=" in visit.environ.get("HTTP_COOKIE", ""):
            return self._device(visit.environ["HTTP_COOKIE"]) or network(visit.address)
        return network(visit.address)

    def _device(self, cookies: str) -> str | None:
        """Whose known browser it is, if the request shows one. An account has many marks, one of each sign-in
        without any, but one count.
        """
        pairs = (pair.strip().partition("=") for pair in cookies.split(";"))
        shown = next((value for key, _, value in pairs if key == self._cookie), "")
        texts = (read(self._secret, "device", mark) for mark in shown.split("~"))
        return next((text.partition("-")[0] for text in texts if text), None)


def policies(settings: Settings) -> dict[str, Policy]:
    """The limits by class; one that is off is not there. Raises `ValueError` for what makes no sense."""
    found = {}
    for name in LIMITS:
        told = getattr(settings, f"limit_{name.replace('-', '_')}")
        if told != "off":
            item = parse(told)
            found[name] = Policy(name, item.amount, item.get_expiry())
    return found


def class_of(visit: Visit) -> str:
    if visit.method in ("GET", "HEAD", "OPTIONS"):
        return READS
    pattern = visit.route.pattern if visit.route else ""
    return COSTLY.get(pattern, WRITES) if visit.method == "POST" else WRITES


@lru_cache(16384)
def network(address: str) -> str:
    """IPv6 gives everybody at least 2^64 addresses; those count as one."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))


def headers(policy: Policy, left: int, reset: int) -> Headers:
    """The fields of the IETF draft (draft-ietf-httpapi-ratelimit-headers-06), times in seconds."""
    return [
        ("RateLimit-Limit", str(policy.most)),
        ("RateLimit-Remaining", str(left)),
        ("RateLimit-Reset", str(reset)),
        ("RateLimit-Policy", f'{policy.most};w={policy.seconds};comment="{policy.name}"'),
    ]
