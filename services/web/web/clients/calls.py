"""Calls to the services within one request: on whose behalf, until when, and what came back besides."""

import hashlib
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import orjson
from flask import Flask, Response, current_app, g, request

from chassis import deadlines
from chassis.problems import (
    BadToken,
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    Refusal,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from chassis.settings import settings
from chassis.wire import Answer, Failed

from .wire import Asked, Wire

Result = TypeVar("Result")
SENTENCES = {
    "auth": "Accounts and signing in are not available right now. Try again in a moment.",
    "posts": "Posts and comments are not available right now. Try again in a moment.",
    "social": "Timelines and followers are not available right now. Try again in a moment.",
}
VISIBLE = re.compile(r"[\x20-\x7e]*")


class SentAlready(Refusal):
    """The key of this form was used for another text."""

    status, message = (
        422,
        "This form was sent before, with another text. Submit again to publish this one too.",
    )


class SentAndGone(SentAlready):
    """This form was sent before, and what it made is there no more."""

    status, message = (
        410,
        "This form was sent before, and what it made has been removed since. Submit again to publish it.",
    )


SENT = {kind.status: kind for kind in (SentAlready, SentAndGone)}
REFUSALS: dict[int, type[Refusal]] = {
    401: Unauthenticated,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
}
PASSED_ON = ("X-Forwarded-For", "User-Agent", "Await-Events")


def install(app: Flask, told: Any) -> None:
    urls = {"auth": told.auth_url, "posts": told.posts_url, "social": told.social_url}
    app.extensions["wires"] = {name: Wire(url) for name, url in urls.items()}
    app.after_request(_hand_on)


class NotYet(BaseException):
    """A step of `together` has asked and goes no further before the others have asked, too."""


class Calls:
    """What the calls of one request share. `ahead` holds what was asked without waiting, by whom and what, or
    why it could not be; nothing while each call waits for its answer.
    """

    def __init__(self) -> None:
        self.until = time.monotonic() + min(
            settings.request_seconds, deadlines.left() or settings.request_seconds
        )
        self.events: list[str] = []
        self.changed: list[str] = []
        self.seen: dict[str, bytes] = {}
        self.ahead: dict[tuple[str, str], Asked | Failed] = {}
        self.asking = False
        self.age = 0  # seconds; of the oldest that the page is made of
        self.headers = {"X-Request-Id": g.request_id, "traceparent": g.traceparent}
        self.headers |= {name: request.headers[name] for name in PASSED_ON if name in request.headers}

    def note(self, key: str, reply: Answer) -> None:
        # Whoever could find two texts with one digest could have strangers read the one for the other. Of
        # those that are safe SHA-256 is the one that processors compute.
        self.seen[key] = hashlib.sha256(reply.body).digest()
        told = {name.lower(): value for name, value in reply.headers}
        self.age = max(self.age, int(told.get("x-freshness") or 0))
        if events := told.get("event-ids"):
            self.events.append(events)
        if changed := told.get("identity-changed"):
            self.changed.append(changed)


def calls() -> Calls:
    if "calls" not in g:
        g.calls = Calls()
    return g.calls


def credential(method: str, insider: bool) -> dict[str, str]:
    """The caller's own token; for what strangers may read, and where it is asked for, the installation's."""
    if g.get("actor") is not None and not insider:
        return {"Authorization": request.headers["Authorization"]}
    if insider or method == "GET":
        return {"Authorization": f"Internal {settings.internal_secret.get_secret_value()}"}
    return {}


def ask(
    service: str, method: str, path: str, body: Any = None, *, insider: bool = False, **headers: str
) -> Answer:
    """One call. Raises the `Refusal` that the service answered with, or `Unavailable`."""
    shared, wire = calls(), current_app.extensions["wires"][service]
    try:
        asked = shared.ahead.pop((service, path), None)
        if asked is None:
            asked = _sent(wire, *_question(shared, method, path, body, insider, headers))
        if shared.asking:
            shared.ahead[service, path] = asked
            raise NotYet
        if isinstance(asked, Failed):
            raise asked
        reply = wire.answer(asked)
    except Failed as failure:
        raise Unavailable(SENTENCES[service]) from failure
    shared.note(f"{service} {path}", reply)
    if reply.status == 401 and method == "GET" and "actor" not in g:
        raise Unavailable(SENTENCES[service])  # it does not know this installation's credential
    if reply.status >= 400:
        raise refusal(reply)
    return reply


def _question(
    shared: Calls, method: str, path: str, body: Any, insider: bool, headers: dict[str, str]
) -> tuple[str, str, dict[str, str], bytes | None, float]:
    """As a wire takes it, with the seconds that are left."""
    if not all(map(VISIBLE.fullmatch, headers.values())):
        raise Invalid("This form has a hidden field that no page of this site has made.")
    given = shared.headers | credential(method, insider)
    given |= {name.replace("_", "-"): text for name, text in headers.items()}
    sent = None
    if body is not None:
        sent, given["Content-Type"] = orjson.dumps(body), "application/json"
    seconds = min(shared.until - time.monotonic(), settings.call_seconds)
    given[deadlines.HEADER] = str(max(int(seconds * 1000), 0))
    return method, path, given, sent, seconds


def _sent(wire: Wire, *question: Any) -> Asked | Failed:
    try:
        return wire.send(*question)
    except Failed as failure:
        return failure


def refusal(reply: Answer) -> Refusal:
    """What a service refused, as the error that says so here."""
    try:
        told = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        told = {}
    message = str(told.get("message") or "")
    if reply.status == 429:
        wait = reply.header("retry-after")
        return TooMany(message, retry_after=int(wait) if wait.isdecimal() else 1)
    if reply.status in SENT:
        return SENT[reply.status]()
    if reply.header("www-authenticate") == BadToken.challenge:
        return BadToken()
    return REFUSALS.get(reply.status, Invalid)(message, errors=told.get("errors") or ())


def maybe(step: Callable[[], Result]) -> Result | None:
    """A part of a page that the page can do without: nothing when its service is away."""
    try:
        return step()
    except Unavailable:
        return None


def together(*steps: Callable[[], Any]) -> list[Any]:
    """Independent reads at once; their results in order. Raises what the first failing one raises.

    Each step is begun twice: first it only asks its first question, then it goes through, and finds the
    answer on its way. That needs no threads, which cost more than what they would wait for.
    """
    shared = calls()
    try:
        for step in steps:
            _begin(step, shared)
        return [step() for step in steps]
    finally:
        _let_go(shared)


def _begin(step: Callable[[], Any], shared: Calls) -> None:
    shared.asking = True
    try:
        with suppress(NotYet, Refusal):  # what refuses will do so again
            step()
    finally:
        shared.asking = False


def _let_go(shared: Calls) -> None:
    """Answers that nobody wants any more, because another call has failed."""
    for asked in shared.ahead.values():
        if isinstance(asked, Asked):
            asked.connection.close()
    shared.ahead.clear()


def _hand_on(response: Response) -> Response:
    """Tells the gateway what the services told: events to wait for, people whose rights changed."""
    shared: Calls | None = g.get("calls")
    if shared and shared.events:
        response.headers["Event-Ids"] = ", ".join(shared.events)
    if shared and shared.changed:
        response.headers["Identity-Changed"] = ", ".join(shared.changed)
    return response
