"""The routing table: which paths exist, who serves them, and who may ask. No path matches two rows.

`who` is what the gateway asks of the caller before it forwards; the methods named after it are open to all.
Which methods a path knows, and what a signed-in person may do there, is the service's business.
"""

import re
from dataclasses import dataclass
from enum import Enum


class Who(Enum):
    PUBLIC = "public"  # credentials are neither looked at nor passed on
    OPTIONAL = "optional"  # passed on if there are any, and then they must be good
    SIGNED_IN = "signed in"


PUBLIC, OPTIONAL, SIGNED_IN = Who
KINDS = {
    "int": r"[0-9]{1,19}",
    "hash": r"[0-9a-f]{1,64}",
    "id": r"[A-Za-z0-9_-]{1,128}",
    "file": r"[A-Za-z0-9-]+\.[a-z.]+",
}


@dataclass(frozen=True, slots=True)
class Route:
    pattern: str
    service: str
    who: Who
    open_methods: frozenset[str] = frozenset()

    def asks(self, method: str) -> Who:
        """Who may use this method here. OPTIONS only says which methods there are, so anybody may."""
        return PUBLIC if method == "OPTIONS" or method in self.open_methods else self.who

    @property
    def expression(self) -> str:
        """A collection is known without its last slash too: its service redirects to the right form."""
        filled = re.sub(r"<(\w+)>", lambda kind: KINDS[kind[1]], self.pattern.replace(".", r"\."))
        return f"{filled}?" if filled.endswith("/") and filled != "/" else filled


ROUTES = tuple(
    Route(pattern, service, who, frozenset(open_methods))
    for pattern, service, who, *open_methods in (
        # pattern                               service    who        open methods
        ("/",                                   "gateway", PUBLIC),
        ("/api/docs",                           "gateway", PUBLIC),
        ("/api/docs/<file>",                    "gateway", PUBLIC),
        ("/api/v1/openapi.json",                "gateway", PUBLIC),

        ("/api/v1/tokens/",                     "auth",    SIGNED_IN),
        ("/api/v1/tokens/refresh",              "auth",    PUBLIC),
        ("/api/v1/users/",                      "auth",    SIGNED_IN, "POST"),
        ("/api/v1/users/me",                    "auth",    SIGNED_IN),
        ("/api/v1/users/me/password",           "auth",    SIGNED_IN),
        ("/api/v1/users/me/email",              "auth",    SIGNED_IN),
        ("/api/v1/users/me/confirmation",       "auth",    SIGNED_IN),
        ("/api/v1/users/me/sessions/",          "auth",    SIGNED_IN),
        ("/api/v1/users/me/sessions/<id>",      "auth",    SIGNED_IN),
        ("/api/v1/users/confirm",               "auth",    PUBLIC),
        ("/api/v1/users/reset",                 "auth",    PUBLIC),
        ("/api/v1/users/change-email",          "auth",    PUBLIC),
        ("/api/v1/users/<int>",                 "auth",    SIGNED_IN),
        ("/api/v1/users/<int>/profile",         "auth",    SIGNED_IN),
        ("/api/v1/users/<int>/account",         "auth",    SIGNED_IN),
        ("/api/v1/roles/",                      "auth",    SIGNED_IN),
        ("/avatar/<hash>.svg",                  "auth",    PUBLIC),
        ("/.well-known/jwks.json",              "auth",    PUBLIC),

        ("/api/v1/posts/",                      "posts",   SIGNED_IN),
        ("/api/v1/posts/<int>",                 "posts",   SIGNED_IN),
        ("/api/v1/posts/<int>/comments/",       "posts",   SIGNED_IN),
        ("/api/v1/comments/",                   "posts",   SIGNED_IN),
        ("/api/v1/comments/<int>",              "posts",   SIGNED_IN),
        ("/api/v1/comments/<int>/disabled",     "posts",   SIGNED_IN),
        ("/api/v1/users/<int>/posts/",          "posts",   SIGNED_IN),
        ("/api/v1/preview",                     "posts",   SIGNED_IN),

        ("/api/v1/users/<int>/timeline/",       "social",  SIGNED_IN),
        ("/api/v1/users/<int>/followers/",      "social",  SIGNED_IN),
        ("/api/v1/users/<int>/following/",      "social",  SIGNED_IN),
        ("/api/v1/users/<int>/follow",          "social",  SIGNED_IN),
        ("/api/v1/users/<int>/relationship",    "social",  SIGNED_IN),
    )
)  # fmt: skip

_ALL = re.compile("|".join(f"({route.expression})" for route in ROUTES))


def find(path: str) -> Route | None:
    """The route of a path; None for an address that does not exist."""
    match = _ALL.fullmatch(path)
    return ROUTES[match.lastindex - 1] if match and match.lastindex else None
