"""Other sites: whose pages may call the API (the Fetch standard's CORS protocol). None, unless configured.

What a browser adds by itself, cookies and remembered passwords, makes no change across sites.
"""

from chassis.problems import Refusal

from .headers import Headers
from .visit import Visit

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
REQUEST_HEADERS = (
    "Authorization, Content-Type, Accept, Accept-Language, "
    "If-Match, If-None-Match, Idempotency-Key, X-Request-Id"
)
EXPOSED = (
    "Location, ETag, Link, Retry-After, Idempotency-Replayed, X-Request-Id, WWW-Authenticate, "
    "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy, X-Freshness"
)
MAX_AGE = "600"


SAFE = frozenset(("GET", "HEAD"))
ACROSS = ("cross-site", "same-site")


class CrossSite(Refusal):
    status, message = 403, "This change was asked for by another site, so it was not made."


class Cors:
    """`own` and `origins`: our own site and the others, as browsers write them in `Origin`."""

    def __init__(self, own: str, origins: frozenset[str]) -> None:
        self._own, self._origins = own, origins

    def is_preflight(self, visit: Visit) -> bool:
        return (
            visit.method == "OPTIONS"
            and visit.origin in self._origins
            and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in visit.environ
        )

    def preflight(self) -> Headers:
        return [
            ("Access-Control-Allow-Methods", METHODS),
            ("Access-Control-Allow-Headers", REQUEST_HEADERS),
            ("Access-Control-Max-Age", MAX_AGE),
        ]

    def headers(self, visit: Visit) -> Headers:
        """What every answer says about the origin that asked."""
        if not self._origins:
            return []
        if visit.origin not in self._origins:
            return [("Vary", "Origin")]
        return [
            ("Access-Control-Allow-Origin", visit.origin),
            ("Access-Control-Expose-Headers", EXPOSED),
            ("Vary", "Origin"),
        ]

    def check(self, visit: Visit, cookie: bool) -> None:
        """Refuses a change that another site's page asked for (Fetch metadata; `Origin` for older browsers).

        Args:
            cookie: the caller is known by a cookie, so that the request must come from our own pages.
        """
        if visit.method in SAFE:
            return
        site = visit.environ.get("HTTP_SEC_FETCH_SITE")
        if cookie:
            good = site == "same-origin" if site else visit.origin == self._own
        else:
            good = site not in ACROSS or visit.origin in self._origins
        if not good:
            raise CrossSite

    def check_stranger(self, visit: Visit) -> None:
        """The same for who is not known. Browsers leave our cookies out of another site's form; the page that
        tells its sender to sign in holds all that was sent, and would send it again with them.
        """
        site = visit.environ.get("HTTP_SEC_FETCH_SITE")
        good = site not in ACROSS if site else visit.origin in ("", self._own)
        if not good and visit.method not in SAFE:
            raise CrossSite
