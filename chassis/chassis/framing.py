"""One reading of every message: gunicorn's parser, without the choices that it leaves open.

Whoever stands in front of us (a load balancer, another proxy) must not be able to see another message than
we do, so what a sender of good will never sends is refused, and the connection ends: a transfer coding other
than `chunked` (RFC 9112, section 6.1 lets a server refuse them), a Host that is no host, a second
Authorization, a `Transfer_Encoding` that somebody else might take for the real one.
"""

import re
from typing import Any

from gunicorn.http.errors import InvalidHeader, InvalidHeaderName
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser

HOST = re.compile(r"(?:[A-Za-z0-9._\-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?|")
ONCE = frozenset(("AUTHORIZATION", "CONTENT-LENGTH", "CONTENT-TYPE", "HOST", "ORIGIN", "SEC-FETCH-SITE",
                  "TRANSFER-ENCODING"))  # fmt: skip


class StrictRequest(Request):  # type: ignore[misc]
    def _apply_header_policy(self, name: str, *given: Any, **named: Any) -> Any:
        """Called by gunicorn for each header; it drops names with an underscore."""
        if "_" in name and name.replace("_", "-") in ONCE:
            raise InvalidHeaderName(name)
        return super()._apply_header_policy(name, *given, **named)

    def set_body_reader(self) -> None:
        """Called by gunicorn once the head has been read."""
        values: dict[str, str] = {}
        for name, value in self.headers:
            if name in ONCE and name in values:
                raise InvalidHeader(name, req=self)
            values[name] = value
        if values.get("TRANSFER-ENCODING", "chunked").lower() != "chunked":
            raise InvalidHeader("TRANSFER-ENCODING", req=self)
        if HOST.fullmatch(values.get("HOST", "")) is None:
            raise InvalidHeader("HOST", req=self)
        super().set_body_reader()


def install() -> None:
    """From now on every connection of this process is read so."""
    RequestParser.mesg_class = StrictRequest
