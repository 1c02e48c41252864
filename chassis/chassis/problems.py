"""Refusals: named errors that the rest of the code raises, told to callers as RFC 9457 problem bodies.

Every body has the members of RFC 9457 plus `request_id`, the short name `error` and the sentence `message`.
No body names a host, a statement or a line of code.
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from flask import Flask, Response, current_app, g, request
from gunicorn.http.errors import NoMoreData, ParseException
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from .settings import settings

log = logging.getLogger(__name__)
NAMES = {413: "too large", 415: "unsupported media type", 422: "bad request"}


class Refusal(Exception):
    """Something that is answered with a status and a sentence. Raised anywhere.

    `type` names it for programs that must do something about it (RFC 9457); most have none.
    """

    type = "about:blank"
    status = 400
    message = "The request cannot be done."

    def __init__(
        self,
        message: str = "",
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.message = message or self.message
        self.errors = list(errors)
        self.headers = dict(headers or {})
        super().__init__(self.message)


class Invalid(Refusal):
    """The input is wrong; `errors` says which field and why."""


class Unauthenticated(Refusal):
    status, message = 401, "Invalid credentials"


class BadToken(Unauthenticated):
    """The token that was shown is not good, or no longer: nothing has been done (RFC 6750, section 3.1)."""

    challenge = 'Bearer error="invalid_token"'

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": self.challenge})


class NotAllowed(Refusal):
    status, message = 403, "Insufficient permissions"


class SecondStepNeeded(NotAllowed):
    """The password was right, and is not enough."""

    type = "urn:problem-type:second-factor-needed"
    message = (
        "This account has a second factor, so its password alone opens nothing. Get a token: "
        'POST /api/v1/tokens/ with the password and {"otp": "123456"}, then send that.'
    )


class NotFound(Refusal):
    status, message = 404, "There is nothing at this address."


class Conflict(Refusal):
    status, message = (
        409,
        "Somebody else changed this in the meantime. Read it again, then repeat your change.",
    )


class TooLarge(Refusal):
    status, message = 413, "The body is too large."


class UnsupportedType(Refusal):
    status, message = 415, "Send JSON, with the header Content-Type: application/json."


class TooMany(Refusal):
    """Too many tries; `retry_after` in seconds."""

    status, message = 429, "Too many requests. Wait a little, then try again."

    def __init__(self, message: str = "", *, retry_after: int = 1) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})


class Unavailable(Refusal):
    """A part of the system is away or full; `retry_after` in seconds."""

    status, message = 503, "This part is not available right now. Try again in a moment."

    def __init__(self, message: str = "", *, retry_after: int = 2) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})


def short_name(status: int) -> str:
    return NAMES.get(status) or HTTPStatus(status).phrase.lower()


def problem(
    status: int,
    message: str,
    *,
    instance: str,
    request_id: str,
    errors: Sequence[Mapping[str, str]] = (),
    type: str = "about:blank",
) -> dict[str, Any]:
    """The members of a problem body (RFC 9457, with the extensions of this house)."""
    members: dict[str, Any] = {
        "type": type,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": message,
        "instance": instance,
        "request_id": request_id,
        "error": short_name(status),
        "message": message,
    }
    if errors:
        members["errors"] = list(errors)
    return members


def answer(
    status: int,
    message: str,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
    type: str = "about:blank",
) -> Response:
    about = {"instance": request.path, "request_id": g.get("request_id", "")}
    body = problem(status, message, **about, errors=errors, type=type)
    response = Response(orjson.dumps(body), status, mimetype="application/problem+json")
    response.headers.update(headers or {})
    return response


SENTENCES = {
    400: "The request could not be understood.",
    404: NotFound.message,
    405: "This address does not support this method.",
    413: TooLarge.message,
    415: UnsupportedType.message,
    500: "Something went wrong on our side. It has been logged under this request id.",
}


def refused(error: Refusal) -> Response:
    return answer(error.status, error.message, error.headers, error.errors, error.type)


def _http(error: HTTPException) -> Response:
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    status = error.code or 500
    kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    sentence = SENTENCES.get(status, HTTPStatus(status).phrase)
    if methods := kept.get("Allow"):
        sentence = f"{sentence.removesuffix('.')}: use {methods}."
    return answer(status, sentence, kept)


def _redirected(response: Response) -> Response:
    """The slash form of a collection, under the public address: our own host name is nobody's business. Who
    asks for the methods gets those at once: a browser that does so on its own takes no redirect.
    """
    if not isinstance(request.routing_exception, RequestRedirect):
        return response
    path = f"{request.path}/"
    if request.method == "OPTIONS":
        return Response(headers={"Allow": ", ".join(current_app.url_map.bind("").allowed_methods(path))})
    query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
    response = answer(308, "The address of this collection ends with a slash.")
    response.headers["Location"] = f"{settings.public_url}{path}{query}"
    return response


def misframed(_: Exception) -> Response:
    """The server found, while the body was read, that its framing is wrong; it ends the connection."""
    return answer(400, "The body of this request is not framed correctly.")


def unexpected(error: Exception) -> Response:
    log.exception("unexpected error")
    return answer(500, SENTENCES[500])


def install(app: Flask) -> None:
    app.register_error_handler(Refusal, refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(ParseException, misframed)
    app.register_error_handler(NoMoreData, misframed)
    app.register_error_handler(Exception, unexpected)
    app.after_request(_redirected)
