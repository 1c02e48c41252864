"""The auth service's internal endpoints, as the gateway uses them.

They have connections of their own: a flood of ordinary requests to auth keeps nobody from being recognised.
Each has its own circuit breaker, too: what fails at one of them says nothing of the others.
"""

import time
from typing import Any

import orjson

from chassis.problems import TooMany, Unauthenticated, Unavailable
from chassis.wire import Answer, Failed
from chassis.withdrawn import asking

from .credentials import Credential
from .settings import Settings
from .upstream import Request, Upstream

SECONDS = 2.0
AWAY = "Signing in is not possible right now. Try again in a moment."


class Insider:
    def __init__(self, settings: Settings) -> None:
        self._exchange = Upstream("auth-exchange", settings.auth_url, places=16, waiting=64)
        self._changes = Upstream("auth-changes", settings.auth_url, places=2, waiting=0)
        self._seen = Upstream("auth-seen", settings.auth_url, places=2, waiting=0)
        self._secret = settings.internal_secret.get_secret_value()

    def exchange(self, credential: Credential, address: str) -> tuple[str, dict[str, Any] | None]:
        """A token for the credential, and the tokens that were asked for: none where a request has to ask for
        them, be it that auth is of a release that knows of nothing else.

        Raises `Unauthenticated`, `TooMany` or `Unavailable`.
        """
        sent: dict[str, Any] = {"kind": credential.kind, credential.kind: credential.secret}
        if credential.kind == "password":
            sent |= {"email": credential.email, "address": address}
        if credential.issue:
            sent |= {"issue": True, "agent": credential.agent}
        repeatable = credential.kind != "password"
        answer = self._ask(
            self._exchange, "POST", "/internal/exchange", sent, repeatable, credential.request_id
        )
        if answer.status == 200:
            return _token(answer), _json(answer).get("issued")
        if answer.status == 429:
            raise TooMany(retry_after=_retry_after(answer))
        if answer.status in (400, 401, 403, 422):
            raise Unauthenticated
        raise Unavailable(AWAY, retry_after=_retry_after(answer))

    def changes(self, since: float, after: str = "") -> dict[str, Any]:
        """Accounts whose rights changed and sessions that ended since then (Unix time): a page of them."""
        answer = self._ask(self._changes, "GET", f"/internal/changes{asking(since, after)}")
        if answer.status != 200:
            raise Unavailable(AWAY)
        return _json(answer)

    def seen(self, moments: dict[str, float]) -> None:
        """Tells when people were last seen (Unix times by user id)."""
        if self._ask(self._seen, "POST", "/internal/seen", {"seen": moments}).status >= 300:
            raise Unavailable(AWAY)

    def _ask(
        self,
        auth: Upstream,
        method: str,
        target: str,
        sent: dict[str, Any] | None = None,
        repeatable: bool = True,
        request_id: str = "",
    ) -> Answer:
        body = orjson.dumps(sent) if sent is not None else b""
        named = f"X-Request-Id: {request_id}\r\n" if request_id else ""
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: {auth.host}\r\n{named}"
            f"Authorization: Internal {self._secret}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        )
        request = Request(method, head.encode("latin-1"), body, repeatable)
        try:
            return auth.ask(request, time.monotonic() + SECONDS)
        except Failed as error:
            raise Unavailable(AWAY) from error


def _token(answer: Answer) -> str:
    token = _json(answer).get("token")
    if not isinstance(token, str):
        raise Unavailable(AWAY)
    return token


def _json(answer: Answer) -> dict[str, Any]:
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise Unavailable(AWAY) from None
    if not isinstance(found, dict):
        raise Unavailable(AWAY)
    return found


def _retry_after(answer: Answer) -> int:
    given = answer.header("retry-after").strip()
    return int(given) if given.isdecimal() else 2
