"""The proxy hop: the request goes to its service as the gateway vouches for it; the answer comes back without
what is internal.
"""

from chassis.breaker import Resting
from chassis.guard import NO_STORE
from chassis.problems import BadToken, Refusal, Unavailable
from chassis.wire import Answer, Failed, Late, Unreachable

from . import metrics
from .answers import Reply
from .awaiting import Awaiting
from .cors import SAFE
from .credentials import without_session
from .headers import CHALLENGE, request_head, sift
from .identity import Identities
from .table import Route, Who
from .upstream import Full, Request, Upstream
from .visit import Visit

PARTS = {
    "auth": "Accounts and signing in",
    "posts": "Posts and comments",
    "social": "Timelines and followers",
    "web": "Pages",
}
UNKNOWN = " Your change may have been made or not: look before you repeat it."


class NoGoodAnswer(Refusal):
    status = 502


class NoAnswerInTime(Refusal):
    status = 504


class Outdated(Unavailable):
    """A service knows of a withdrawn key before we do, and has done nothing with a token of ours."""

    message = "Who is asking cannot be told right now. Try again in a moment."


class Forwarder:
    def __init__(self, upstreams: dict[str, Upstream], identities: Identities, awaiting: Awaiting) -> None:
        self._upstreams, self._identities, self._awaiting = upstreams, identities, awaiting

    def admit(self, route: Route) -> None:
        """Refuses what its service has no room for, before it has cost anything. Raises a `Refusal`."""
        upstream = self._upstreams[route.service]
        if upstream.crowded:
            metrics.SHED.labels(upstream.name).inc()
            raise full(upstream.name)

    def forward(self, visit: Visit, route: Route, body: bytes, deadline: float) -> Reply:
        """The service's answer. Raises a `Refusal`: there is none, or `Outdated`: another token may help."""
        upstream = self._upstreams[route.service]
        caller = visit.identity.sub if visit.identity else ""
        cookies = without_session(visit.environ.get("HTTP_COOKIE", "")) if route.service == "web" else ""
        head = request_head(visit, upstream.host, body, self._awaiting.events(caller), cookies)
        request = Request(visit.method, head, body, repeatable(visit, route))
        try:
            answer = upstream.ask(request, deadline)
        except Failed as failure:
            raise sentence(failure, upstream.name, visit.method) from failure
        if visit.identity and visit.identity.made and answer.header("www-authenticate") == BadToken.challenge:
            self._identities.refused(visit.identity)
            raise Outdated(retry_after=1)
        return self._reply(visit, route, answer, caller)

    def _reply(self, visit: Visit, route: Route, answer: Answer, caller: str) -> Reply:
        headers, internal = sift(answer.headers)
        if internal:
            if "identity-changed" in internal:
                self._identities.changed(internal["identity-changed"])
            if "event-ids" in internal:
                self._awaiting.remember(caller, internal["event-ids"])
        names = {name.lower() for name, _ in headers}
        if "cache-control" not in names and route.who is not Who.PUBLIC:
            headers.append(NO_STORE)
        if answer.status == 401:
            headers.append(CHALLENGE)
        if visit.method == "HEAD" and (length := answer.header("content-length")):
            headers.append(("Content-Length", length))
        return Reply(answer.status, headers, answer.body)


def repeatable(visit: Visit, route: Route) -> bool:
    """What may be sent a second time: reads, and a POST whose key lets the service recognise it."""
    if visit.method in SAFE:
        return True
    return route.keyed and visit.method == "POST" and "HTTP_IDEMPOTENCY_KEY" in visit.environ


def full(service: str) -> Unavailable:
    return Unavailable(f"{PARTS[service]}: too many requests at once. Try again in a moment.", retry_after=1)


def sentence(failure: Failed, service: str, method: str) -> Refusal:
    """The failure in plain words: which part of the site it is, and what to do."""
    part = PARTS[service]
    if isinstance(failure, Full):
        return full(service)
    if isinstance(failure, Unreachable | Resting):
        return Unavailable(f"{part} are not available right now. Try again in a moment.")
    doubt = "" if method in SAFE else UNKNOWN
    if isinstance(failure, Late):
        return NoAnswerInTime(f"{part} did not answer in time.{doubt}")
    return NoGoodAnswer(f"{part} gave no usable answer.{doubt}")
