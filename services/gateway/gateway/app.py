"""The gateway as a WSGI callable: check the path, find the route, learn who asks, then answer or forward.

The way of a forwarded request is plain WSGI; only the gateway's own pages and its health go through Flask.
"""

import logging
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import gevent
import orjson

from chassis import logs, tracing
from chassis.guard import NO_STORE, STRICT_CSP
from chassis.problems import NotFound, Refusal, TooMany, Unauthenticated
from chassis.service import create_service

from . import __version__, answers, bodies, metrics, paths, table
from .answers import HeadersTooLarge, Malformed, Reply, Unexpected
from .awaiting import Awaiting
from .changes import Changes
from .connections import Connections
from .cors import SAFE, Cors
from .credentials import presented
from .forward import Forwarder, Outdated
from .headers import security, sift
from .identity import Identities, Identity
from .insider import Insider
from .limits import Limits
from .pages import pages
from .seen import Seen
from .settings import UPSTREAMS, Settings
from .table import Route, Who
from .upstream import Upstream
from .visit import Visit

log = logging.getLogger("request")
OPS_PATHS = frozenset(("/livez", "/readyz", "/metrics"))
STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
JSON = ("Content-Type", "application/json")
StartResponse = Callable[..., Any]


class Gateway:
    """Serves the public port and, on the ops port, health and metrics."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app = create_service(
            "gateway", settings, home=Path(__file__).parents[1], version=__version__, apis=[pages]
        )
        verifier = self._app.extensions["verifier"]
        insider = Insider(settings)
        self._changes = Changes(insider, settings.changes_seconds)
        self._seen = Seen(insider, settings.seen_seconds)
        self._identities = Identities(settings, verifier, insider, self._changes)
        self._forwarder = Forwarder(
            _upstreams(settings), self._identities, Awaiting(settings.read_your_writes)
        )
        self._cors = Cors(settings.public_url, settings.origins)
        self._limits = Limits(settings)
        self.place = Connections(settings).place
        self._keys = verifier.keys
        self._app.extensions["checks"] |= {
            "keys": (lambda: "" if self._keys.known else "the keys are not known yet", True),
            "changes": (lambda: "" if self._changes.known else "auth's changes are not known yet", True),
        }
        self.https = settings.https
        self._always = security(settings)
        self._cookie = "__Host-session" if settings.https else "session"
        self._ops_port = str(settings.ops_port)
        self._background = [gevent.spawn(work) for work in (self._changes.follow, self._seen.follow)]
        self._keys.keep_fresh()  # also while every caller is known already

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["SERVER_PORT"] == self._ops_port:
            return self._ops(environ, start_response)
        visit = Visit(environ, self._settings.trusted_hops)
        span = tracing.begin(visit.method, "SERVER", environ.get("HTTP_TRACEPARENT", ""))
        if span:
            visit.traceparent = span.traceparent
        try:
            reply = self._reply(visit)
        except Refusal as refusal:
            reply = answers.refused(visit, refusal)
        except Exception:
            log.exception("unexpected error", extra={"request_id": visit.request_id})
            reply = answers.refused(visit, Unexpected())
        start_response(STATUS.get(reply.status) or f"{reply.status} Unknown", self._finished(visit, reply))
        if span:
            route = visit.route.pattern if visit.route else "unmatched"
            span.end(f"{visit.method} {route}", http__response__status_code=reply.status)
        if not reply.logged:
            _tell(visit, reply.status)
        return [reply.body]

    def close(self) -> None:
        """At the end of the process: the last word to auth about who was seen."""
        gevent.killall(self._background, block=False)
        self._seen.flush()

    def _reply(self, visit: Visit) -> Reply:
        """The checks in their order: form, address, size, room, credentials; then the answer."""
        self._well_formed(visit)
        route = visit.route = self._route(visit)
        self._limits.take(visit)
        if route is None:
            raise NotFound
        if self._cors.is_preflight(visit):
            return Reply(204, self._cors.preflight())
        limit = self._settings.max_form_bytes if route.service == "web" else self._settings.max_body_bytes
        bodies.check(visit, limit)
        if route.service == "gateway":
            return self._local(visit)
        self._forwarder.admit(route)
        who = route.asks(visit.method)
        visit.identity = self._identity(visit, who)
        came = time.monotonic()
        body = bodies.read(visit, limit, self._settings.body_seconds)
        reading = time.monotonic() - came  # the client's time, not ours
        self._limits.take_text(visit, len(body))
        if visit.issued:
            return Reply(200, [JSON, NO_STORE], orjson.dumps(visit.issued))
        deadline = visit.started + reading + self._settings.request_seconds
        try:
            return self._forwarder.forward(visit, route, body, deadline)
        except Outdated:  # a token that auth gave us, not the caller's: a new one may be good
            visit.identity = self._identity(visit, who)
            return self._forwarder.forward(visit, route, body, deadline)

    def _route(self, visit: Visit) -> Route | None:
        """The route of the address. For people, one that does not exist is told by a page like any other."""
        path = paths.split(visit.target)
        known = table.find(path)
        if known is None and visit.method in SAFE:
            accept = visit.environ.get("HTTP_ACCEPT", "")
            return table.beyond(path) if answers.wants_page(path, accept) else None
        return known

    def _well_formed(self, visit: Visit) -> None:
        environ = visit.environ
        size = sum(len(key) + len(value) for key, value in environ.items() if key.startswith("HTTP_"))
        if size > self._settings.max_header_bytes:
            raise HeadersTooLarge(self._settings.max_header_bytes)
        if "HTTP_HOST" not in environ and environ["SERVER_PROTOCOL"] != "HTTP/1.0":
            raise Malformed

    def _identity(self, visit: Visit, who: Who) -> Identity | None:
        """Who is asking; None only where a stranger may ask. Raises a `Refusal`."""
        if who is Who.PUBLIC:
            return None
        try:
            identity = self._presented(visit)
        except Unauthenticated:
            if who is Who.SIGNED_IN or "HTTP_AUTHORIZATION" in visit.environ:
                raise
            identity = None  # a cookie that has ended: a stranger may see this page too
        if identity is not None:
            self._seen.note(identity.sub)
        elif who is Who.SIGNED_IN:
            raise Unauthenticated
        else:
            self._cors.check_stranger(visit)
        return identity

    def _presented(self, visit: Visit) -> Identity | None:
        credential = presented(visit, self._cookie)
        if credential is None:
            return None
        self._cors.check(visit, cookie=credential.kind == "session")
        if credential.kind == "password" and not self._identities.knows(credential, visit.address):
            try:
                self._limits.take_sign_in(visit)
            except TooMany:
                self._identities.guessed(credential, visit.address)
                raise
        if credential.kind != "password":
            return self._identities.of(credential, visit.address)
        credential = credential.came_with(visit)
        identity = self._identities.of(credential, visit.address)
        if credential.issue:
            visit.issued = identity.take_issued()
        return identity

    def _local(self, visit: Visit) -> Reply:
        """One of our own pages, by Flask, which logs and counts it as any service does."""
        visit.environ |= {"HTTP_X_REQUEST_ID": visit.request_id, "HTTP_TRACEPARENT": visit.traceparent}
        kept: list[Any] = []
        keep: Any = lambda status, headers, _=None: kept.extend((status, headers))  # noqa: E731
        body = b"".join(self._app(visit.environ, keep))
        headers, _ = sift(kept[1])
        return Reply(int(kept[0][:3]), headers, body, logged=True)

    def _finished(self, visit: Visit, reply: Reply) -> list[tuple[str, str]]:
        """The headers of an answer, with those that every answer carries."""
        headers = [
            *reply.headers,
            *self._always,
            ("X-Request-Id", visit.request_id),
            *visit.limits,
            *self._cors.headers(visit),
        ]
        if not any(name.lower() == "content-security-policy" for name, _ in reply.headers):
            headers.append(("Content-Security-Policy", STRICT_CSP))
        if visit.method != "HEAD" and reply.status not in (204, 304):
            headers.append(("Content-Length", str(len(reply.body))))
        return headers

    def _ops(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] in OPS_PATHS:
            return self._app(environ, start_response)
        start_response(STATUS[404], [("Content-Length", "0")])
        return [b""]


def _tell(visit: Visit, status: int) -> None:
    """One log line and the request metrics."""
    seconds = time.monotonic() - visit.started
    route = visit.route.pattern if visit.route else "unmatched"
    metrics.answered(visit.method, route, status, seconds)
    log.info(
        "request",
        extra={
            "request_id": visit.request_id,
            "trace_id": visit.traceparent[3:35],
            "method": visit.method,
            "path": _shown_path(visit),
            "route": route,
            "upstream": visit.route.service if visit.route else None,
            "status": status,
            "ms": round(seconds * 1000, 2),
            "user": int(visit.identity.sub) if visit.identity else None,
        },
    )


def _shown_path(visit: Visit) -> str:
    """Names of people, links from mails and digests of addresses are in no log, however they are spelled."""
    route = visit.route
    if route is None or route is table.NOWHERE:
        return logs.beginning(visit.path)
    return route.pattern if route.is_personal else visit.path


def _upstreams(settings: Settings) -> dict[str, Upstream]:
    urls = {name: getattr(settings, f"{name}_url") for name in UPSTREAMS}
    limits = settings.upstream_connections, settings.upstream_waiting
    return {name: Upstream(name, url, *limits) for name, url in urls.items()}


def create_app() -> Gateway:
    return Gateway(Settings.load("gateway"))
