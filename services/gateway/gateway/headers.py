"""Which headers pass: towards a service those named here, towards the client all that is its business."""

from collections.abc import Iterable

from chassis.guard import carried

from .settings import Settings
from .visit import HOST, Visit

Headers = list[tuple[str, str]]

# A header that is not in this list does not reach a service, whoever sends it and however it is spelled.
FORWARDED = tuple(
    (name if name == "CONTENT_TYPE" else f"HTTP_{name}", name.title().replace("_", "-"))
    for name in (
        "ACCEPT",
        "ACCEPT_ENCODING",
        "ACCEPT_LANGUAGE",
        "CONTENT_TYPE",
        "IF_MATCH",
        "IF_NONE_MATCH",
        "IF_MODIFIED_SINCE",
        "IDEMPOTENCY_KEY",
        "USER_AGENT",
    )
)

HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
     "te", "trailer", "transfer-encoding", "upgrade")
)  # fmt: skip
INTERNAL = frozenset(("event-ids", "identity-changed", "await-events", "x-deadline-ms", "traceparent"))
OURS = frozenset(
    ("server", "date", "content-length", "x-request-id", "www-authenticate", "x-content-type-options",
     "referrer-policy", "strict-transport-security")
)  # fmt: skip
DROPPED = HOP_BY_HOP | INTERNAL | OURS

CHALLENGE = ("WWW-Authenticate", 'Basic realm="Flasky", Bearer')
PAGE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)


def request_head(visit: Visit, host: str, body: bytes, awaited: str, cookies: str = "") -> bytes:
    """The request line and headers for a service, without the blank line that ends them."""
    environ = visit.environ
    lines = [f"{visit.method} {visit.target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {environ[key]}" for key, name in FORWARDED if key in environ]
    lines.append(f"X-Request-Id: {visit.request_id}")
    lines.append(f"traceparent: {visit.traceparent}")
    lines.append(f"X-Forwarded-For: {visit.address}")
    lines.append(f"X-Forwarded-Proto: {visit.scheme}")
    if HOST.fullmatch(visit.host):
        lines.append(f"X-Forwarded-Host: {visit.host}")
    if visit.identity is not None:
        lines.append(f"Authorization: Bearer {visit.identity.token}")
    if cookies:
        lines.append(f"Cookie: {cookies}")
    if awaited:
        lines.append(f"Await-Events: {awaited}")
    if body or visit.method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    lines.append("")
    return "\r\n".join(lines).encode("latin-1")


def sift(headers: Iterable[tuple[str, str]]) -> tuple[Headers, dict[str, str]]:
    """A service's headers: those that pass, and those meant for the gateway."""
    passing, internal, named = [], {}, ""
    for header in headers:
        name = header[0].lower()
        if name not in DROPPED:
            passing.append(header)
        elif name in INTERNAL:
            internal[name] = header[1].strip()
        elif name == "connection":
            named = header[1].lower()
    if named not in ("", "close", "keep-alive"):  # headers that a Connection header names are hop-by-hop too
        hops = {token.strip() for token in named.split(",")}
        passing = [header for header in passing if header[0].lower() not in hops]
    return passing, internal


def security(settings: Settings) -> Headers:
    """What every answer carries, errors included; the Content-Security-Policy comes besides."""
    return list(carried(settings.https))
