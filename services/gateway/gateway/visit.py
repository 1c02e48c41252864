"""One request on its way through the gateway: what came in, and what was found out about it."""

import ipaddress
import re
import time
from typing import TYPE_CHECKING, Any

from chassis import logs

if TYPE_CHECKING:
    from .identity import Identity
    from .table import Route

HOST = re.compile(r"[A-Za-z0-9.\-:\[\]_]{1,255}")


class Visit:
    __slots__ = (
        "address",
        "environ",
        "host",
        "identity",
        "issued",
        "limits",
        "method",
        "origin",
        "path",
        "request_id",
        "route",
        "scheme",
        "started",
        "target",
        "traceparent",
    )  # fmt: skip

    def __init__(self, environ: dict[str, Any], trusted_hops: int) -> None:
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.target: str = environ["RAW_URI"]
        self.path = self.target.partition("?")[0]
        self.started = time.monotonic()
        self.request_id = logs.request_id(environ.get("HTTP_X_REQUEST_ID"))
        self.traceparent = logs.traceparent(environ.get("HTTP_TRACEPARENT"))
        self.route: Route | None = None
        self.identity: Identity | None = None
        self.issued: dict[str, Any] | None = None
        self.limits: list[tuple[str, str]] = []
        self.origin: str = environ.get("HTTP_ORIGIN", "")
        self.address, self.scheme, self.host = came_from(environ, trusted_hops)

    @property
    def has_body(self) -> bool:
        return self.environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in self.environ

    @property
    def agent(self) -> str:
        """The caller's program, in printable characters, as much as auth notes of it."""
        return "".join(filter(str.isprintable, self.environ.get("HTTP_USER_AGENT", "")))[:256]


def came_from(environ: dict[str, Any], hops: int) -> tuple[str, str, str]:
    """Address, scheme and host of the client. Forwarding headers count as far as hops are trusted."""
    peer, scheme, host = (
        environ.get("REMOTE_ADDR", ""),
        environ["wsgi.url_scheme"],
        environ.get("HTTP_HOST", ""),
    )
    if not hops:
        return peer, scheme, host
    chain = [*environ.get("HTTP_X_FORWARDED_FOR", "").split(","), peer]
    claimed = chain[max(len(chain) - 1 - hops, 0)].strip()
    told = environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
    host = environ.get("HTTP_X_FORWARDED_HOST", host).rpartition(",")[2].strip()
    return (claimed if _is_address(claimed) else peer), (told if told in ("http", "https") else scheme), host


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
