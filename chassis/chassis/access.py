"""Access: every route says who may call it, beside the route, and what it takes and gives.

    @api.put("/items/<int:id>")
    @needs(WRITE, gives=Item, first=may_edit)
    def edit(editor: Actor, id: int, draft: Draft): ...

The declaration checks in this order: credentials, confirmed, permission, then `first` (existence and
ownership), and only then reads the body; the view gets what its annotations ask for (`Actor`, a `Shape` from
the body, a `Query` from the query string, path values by name). Who sends a request again under its key gets
the first answer before `first`: what that asks for may be gone by now.
A route without a declaration stops the service at start.
"""

import functools
import hmac
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from flask import Flask, Response, current_app, g, request
from pydantic import BaseModel

from . import failpoints
from .input import from_body, from_query
from .problems import BadToken, NotAllowed, SecondStepNeeded, Unauthenticated
from .settings import settings
from .shapes import Query, Shape
from .tokens import Actor, Verifier

STRANGER = Actor(-1, "", 0, False, "", 0, "", (), float("inf"))
View = Callable[..., Any]


@dataclass(frozen=True)
class Access:
    """What a route declares."""

    who: str  # "public", "signed in" or "internal"
    bits: int = 0
    confirmed: bool = True
    strangers: bool = False
    lacking: bool = False
    gives: type[BaseModel] | None = None
    status: int = 200
    also: tuple[int, ...] = ()
    refuses: tuple[int, ...] = ()
    takes: type[BaseModel] | None = None
    asks: type[Query] | None = None
    fed: tuple[str, ...] = ()
    keyed: bool = False
    tagged: bool | Literal["changes"] = False
    located: bool = False


@dataclass(frozen=True)
class Answer:
    """What a view returns when it is not simply a body with status 200.

    `instead`: also to who sends the request again under its key, and would get the first answer otherwise.
    """

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    instead: bool = False


def created(body: Any, at: str, instead: bool = False) -> Answer:
    """201 with the address of the new thing."""
    return Answer(body, 201, {"Location": at}, instead)


def no_content() -> Answer:
    return Answer(status=204)


def public(**declared: Any) -> Callable[[View], View]:
    """Anybody may call it, signed in or not."""
    return _declare("public", 0, **declared)


def internal(**declared: Any) -> Callable[[View], View]:
    """Only other processes of this installation, by the internal credential."""
    return _declare("internal", 0, **declared)


def needs(*bits: int, **declared: Any) -> Callable[[View], View]:
    """Signed in, holding all the bits, and confirmed unless `confirmed=False`.

    Args:
        gives, status: shape and status of the good answer, for the API document.
        also: further good statuses with the same shape (a PUT that makes: 201).
        refuses: further statuses it may answer.
        again: for what makes a new thing: the answer for the one with this id, when the first was lost or may
            be given no more (`Answer.instead`), and `NotFound` when it has gone; such a route honours
            `Idempotency-Key`.
        strangers: also for pages that show it to people who are not signed in; they ask with the internal
            credential, and the actor is `STRANGER`.
        lacking: also with a token that lacks a second step, which is done there.
        fed: services of whose events the answer is made; it then says its age in `X-Freshness`, and waits for
            nobody else's (see `awaiting`).
        tagged: what it reads or changes has an `ETag`; reads honour `If-None-Match` (not if "changes").
        located: its answer names the new thing in `Location`; one with `again` does anyway.
        first: called with the actor and the path values before the body is read; refuses by raising.
    """
    return _declare("signed in", functools.reduce(int.__or__, bits, 0), **declared)


def _declare(
    who: str, bits: int, first: View | None = None, again: View | None = None, **declared: Any
) -> Callable[[View], View]:
    def around(view: View) -> View:
        readers = _readers(view)
        shapes = {reader.kind: reader.shape for reader in readers.values()}
        keys, body, query = again is not None, shapes.get("body"), shapes.get("query")
        access = Access(who, bits, keyed=keys, takes=body, asks=query, **declared)

        @functools.wraps(view)
        def guarded(**path: Any) -> Response:
            actor = _admit(access)

            def act() -> Response:
                if first is not None:
                    first(actor, **path)
                read = {name: reader.read(actor) for name, reader in readers.items()}
                _reach("write.parsed")
                return respond(view(**path, **read), access.status)

            keyed = access.keyed and "Idempotency-Key" in request.headers
            response = current_app.extensions["once"](actor, act, again) if keyed else act()
            _reach("write.answer")
            if access.fed:
                _date(response, access.fed)
            return response

        guarded.access = access  # type: ignore[attr-defined]
        return guarded

    return around


def _date(response: Response, sources: tuple[str, ...]) -> None:
    """Says how long ago what the answer is made of was last known to be right: the oldest source's age."""
    ages = current_app.extensions["ages"]()
    if known := [ages[source] for source in sources if source in ages]:
        response.headers["X-Freshness"] = str(int(max(known)))


def _reach(place: str) -> None:
    if request.method not in ("GET", "HEAD"):
        failpoints.reach(place)


def _admit(access: Access) -> Actor | None:
    if access.who == "public":
        return None
    if access.who == "internal":
        _insider()
        return None
    if access.strangers and request.headers.get("Authorization", "").startswith("Internal "):
        _insider()
        return STRANGER
    actor = authenticate(lacking=access.lacking)
    if access.confirmed and not actor.confirmed:
        raise NotAllowed("Unconfirmed account")
    if actor.bits & access.bits != access.bits:
        raise NotAllowed
    return actor


def authenticate(lacking: bool = False) -> Actor:
    """The caller by the bearer token; nothing else proves an identity here, whatever headers say."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    verifier: Verifier = current_app.extensions["verifier"]
    try:
        actor = verifier.actor(token.strip())
    except Unauthenticated:
        raise BadToken from None
    if actor.lacks and not lacking:
        raise SecondStepNeeded
    g.actor = actor
    return actor


def caller() -> Actor | None:
    """Who asks a public route, if they say so; then the token must be good."""
    return authenticate() if "Authorization" in request.headers else None


def _insider() -> None:
    expected = f"Internal {settings.internal_secret.get_secret_value()}"
    if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected.encode()):
        raise Unauthenticated


@dataclass(frozen=True)
class Reader:
    kind: str
    read: Callable[[Actor | None], Any]
    shape: Any = None


def _readers(view: View) -> dict[str, Reader]:
    """How each annotated parameter of a view is filled; the others come from the path."""
    readers = {}
    for name, parameter in inspect.signature(view, eval_str=True).parameters.items():
        wanted = parameter.annotation
        if wanted is Actor:
            readers[name] = Reader("actor", lambda actor: actor)
        elif isinstance(wanted, type) and issubclass(wanted, Query):
            readers[name] = Reader("query", functools.partial(from_query, wanted), wanted)
        elif isinstance(wanted, type) and issubclass(wanted, Shape):
            readers[name] = Reader("body", functools.partial(from_body, wanted), wanted)
    return readers


def respond(result: Any, status: int = 200) -> Response:
    """A view's result as an HTTP answer: an `Answer`, a model, plain values, or a response that is ready."""
    if isinstance(result, Response):
        return result
    answer = result if isinstance(result, Answer) else Answer(result, status)
    response = Response(_json(answer.body), answer.status, mimetype="application/json")
    response.headers.update(answer.headers)
    return response


def _json(body: Any) -> bytes:
    """Moments in UTC with a Z, as `Moment` writes them."""
    if body is None:
        return b""
    if isinstance(body, BaseModel):
        return body.model_dump_json().encode()
    return orjson.dumps(body, option=orjson.OPT_UTC_Z)


def check(app: Flask) -> None:
    """Stops the service when a route does not say who may call it: silence is not "public"."""
    silent = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if not hasattr(app.view_functions[rule.endpoint], "access")
    ]
    if silent:
        raise RuntimeError(
            f"{app.name}: these routes do not declare who may call them: {', '.join(sorted(silent))}"
        )
