"""The routing table: which paths exist, who serves them, and who may ask. No path matches two rows.

`who` is what the gateway asks of the caller before it forwards; the methods named after it are open to all.
Which methods a path knows, and what a signed-in person may do there, is the service's business. Where a POST
is `keyed`, its service recognises the same one by its `Idempotency-Key`, so it may be sent a second time.
Where it `issues` tokens, auth gives them to whom shows a password while it looks at that.
"""

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote


class Who(Enum):
    PUBLIC = "public"  # credentials are neither looked at nor passed on
    OPTIONAL = "optional"  # passed on if there are any, and then they must be good
    SIGNED_IN = "signed in"


PUBLIC, OPTIONAL, SIGNED_IN = Who
KEYED, ISSUES = "keyed", "issues"
KINDS = {
    "int": r"(?:0|[1-9][0-9]{0,18})",
    "hash": r"[0-9a-f]{1,64}",
    "id": r"[A-Za-z0-9_-]{1,128}",
    "file": r"[A-Za-z0-9-]+\.[a-z.]+",
    "username": r"[A-Za-z][A-Za-z0-9_.]{0,63}",
    "token": r"[A-Za-z0-9_-]{1,256}",
    "path": r"[A-Za-z0-9._/-]{1,200}",
}


@dataclass(frozen=True, slots=True)
class Route:
    pattern: str
    service: str
    who: Who
    open_methods: frozenset[str] = frozenset()
    keyed: bool = False
    issues: bool = False

    def asks(self, method: str) -> Who:
        """Who may use this method here. OPTIONS only says which methods there are, so anybody may."""
        return PUBLIC if method == "OPTIONS" or method in self.open_methods else self.who

    @property
    def is_personal(self) -> bool:
        """Whether its paths tell who somebody is, or hold a secret."""
        return any(f"<{kind}>" in self.pattern for kind in ("username", "hash", "token", "id"))

    @property
    def expression(self) -> str:
        """A collection is known without its last slash too: its service redirects to the right form."""
        filled = re.sub(r"<(\w+)>", lambda kind: KINDS[kind[1]], self.pattern.replace(".", r"\."))
        return f"{filled}?" if filled.endswith("/") and filled != "/" else filled


ROUTES = tuple(
    Route(pattern, service, who, frozenset(more) - {KEYED, ISSUES}, KEYED in more, ISSUES in more)
    for pattern, service, who, *more in (
        # pattern                               service    who        open methods, keyed, issues
        ("/api/docs",                           "gateway", PUBLIC),
        ("/api/docs/<file>",                    "gateway", PUBLIC),
        ("/api/v1/openapi.json",                "gateway", PUBLIC),

        ("/api/v1/tokens/",                     "auth",    SIGNED_IN, ISSUES),
        ("/api/v1/tokens/refresh",              "auth",    PUBLIC),
        ("/api/v1/users/",                      "auth",    SIGNED_IN, "POST", KEYED),
        ("/api/v1/users/me",                    "auth",    SIGNED_IN),
        ("/api/v1/users/me/password",           "auth",    SIGNED_IN),
        ("/api/v1/users/me/email",              "auth",    SIGNED_IN),
        ("/api/v1/users/me/confirmation",       "auth",    SIGNED_IN),
        ("/api/v1/users/me/sessions/",          "auth",    SIGNED_IN),
        ("/api/v1/users/me/sessions/<id>",      "auth",    SIGNED_IN),
        ("/api/v1/users/me/log/",               "auth",    SIGNED_IN),
        ("/api/v1/users/me/second-factor",      "auth",    SIGNED_IN),
        ("/api/v1/users/me/second-factor/totp", "auth",    SIGNED_IN),
        ("/api/v1/users/me/second-factor/recovery-codes", "auth", SIGNED_IN),
        ("/api/v1/users/me/second-factor/passkeys/", "auth", SIGNED_IN),
        ("/api/v1/users/me/second-factor/passkeys/options", "auth", SIGNED_IN),
        ("/api/v1/users/me/second-factor/passkeys/<int>", "auth", SIGNED_IN),
        ("/api/v1/users/<int>/second-factor",   "auth",    SIGNED_IN),
        ("/api/v1/log/",                        "auth",    SIGNED_IN),
        ("/api/v1/users/confirm",               "auth",    PUBLIC),
        ("/api/v1/users/reset",                 "auth",    PUBLIC),
        ("/api/v1/users/change-email",          "auth",    PUBLIC),
        ("/api/v1/users/<int>",                 "auth",    SIGNED_IN),
        ("/api/v1/users/<int>/profile",         "auth",    SIGNED_IN),
        ("/api/v1/users/<int>/account",         "auth",    SIGNED_IN),
        ("/api/v1/roles/",                      "auth",    SIGNED_IN),
        ("/avatar/<hash>.svg",                  "auth",    PUBLIC),
        ("/.well-known/jwks.json",              "auth",    PUBLIC),

        ("/api/v1/posts/",                      "posts",   SIGNED_IN, KEYED),
        ("/api/v1/posts/<int>",                 "posts",   SIGNED_IN),
        ("/api/v1/posts/<int>/comments/",       "posts",   SIGNED_IN, KEYED),
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

        ("/",                                   "web",     OPTIONAL),
        ("/all",                                "web",     OPTIONAL),
        ("/followed",                           "web",     OPTIONAL),
        ("/explore",                            "web",     OPTIONAL),
        ("/preview",                            "web",     OPTIONAL),
        ("/newer",                              "web",     OPTIONAL),
        ("/user/<username>",                    "web",     OPTIONAL),
        ("/user/<username>/feed.atom",          "web",     PUBLIC),
        ("/follow/<username>",                  "web",     OPTIONAL),
        ("/unfollow/<username>",                "web",     OPTIONAL),
        ("/followers/<username>",               "web",     OPTIONAL),
        ("/followed_by/<username>",             "web",     OPTIONAL),
        ("/edit-profile",                       "web",     OPTIONAL),
        ("/edit-profile/<int>",                 "web",     OPTIONAL),
        ("/post/<int>",                         "web",     OPTIONAL),
        ("/edit/<int>",                         "web",     OPTIONAL),
        ("/delete/<int>",                       "web",     OPTIONAL),
        ("/comment/<int>",                      "web",     OPTIONAL),
        ("/comment/<int>/edit",                 "web",     OPTIONAL),
        ("/comment/<int>/delete",               "web",     OPTIONAL),
        ("/moderate",                           "web",     OPTIONAL),
        ("/moderate/enable/<int>",              "web",     OPTIONAL),
        ("/moderate/disable/<int>",             "web",     OPTIONAL),
        ("/auth/login",                         "web",     OPTIONAL),
        ("/auth/login/second",                  "web",     OPTIONAL),
        ("/auth/second-factor",                 "web",     OPTIONAL),
        ("/auth/second-factor/totp",            "web",     OPTIONAL),
        ("/auth/second-factor/codes",           "web",     OPTIONAL),
        ("/auth/second-factor/passkeys",        "web",     OPTIONAL),
        ("/auth/second-factor/passkeys/<int>",  "web",     OPTIONAL),
        ("/auth/log",                           "web",     OPTIONAL),
        ("/auth/log/all",                       "web",     OPTIONAL),
        ("/auth/logout",                        "web",     OPTIONAL),
        ("/auth/register",                      "web",     OPTIONAL),
        ("/auth/confirm",                       "web",     OPTIONAL),
        ("/auth/confirm/<token>",               "web",     OPTIONAL),
        ("/auth/unconfirmed",                   "web",     OPTIONAL),
        ("/auth/change-password",               "web",     OPTIONAL),
        ("/auth/reset",                         "web",     OPTIONAL),
        ("/auth/reset/<token>",                 "web",     OPTIONAL),
        ("/auth/change-email",                  "web",     OPTIONAL),
        ("/auth/change-email/<token>",          "web",     OPTIONAL),
        ("/auth/sessions",                      "web",     OPTIONAL),
        ("/auth/remove-account",                "web",     OPTIONAL),
        ("/remove-account/<int>",               "web",     OPTIONAL),
        ("/status",                             "web",     PUBLIC),
        ("/feed.atom",                          "web",     PUBLIC),
        ("/sitemap.xml",                        "web",     PUBLIC),
        ("/robots.txt",                         "web",     PUBLIC),
        ("/favicon.ico",                        "web",     PUBLIC),
        ("/site.webmanifest",                   "web",     PUBLIC),
        ("/static/<path>",                      "web",     PUBLIC),
    )
)  # fmt: skip

# An address that does not exist, asked for by a person. What belongs to the platform never comes to it.
NOWHERE = Route("(no such page)", "web", OPTIONAL)
NEVER_A_PAGE = re.compile(r"/(?:api|avatar|internal|livez|metrics|readyz|\.well-known|static)(?:/.*)?")

_ALL = re.compile("|".join(f"({route.expression})" for route in ROUTES))


def find(path: str) -> Route | None:
    """The route of a path; None for an address that does not exist."""
    match = _ALL.fullmatch(path)
    return ROUTES[match.lastindex - 1] if match and match.lastindex else None


def beyond(path: str) -> Route | None:
    """Who tells people that a path does not exist; None where only programs ask."""
    return None if NEVER_A_PAGE.fullmatch(unquote(path)) else NOWHERE
