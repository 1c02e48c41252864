"""What every answer carries, whoever made it: the application, an error, or the HTTP parser in front of both.

Header values are those of the OWASP Secure Headers project; problem bodies are those of `problems`.
"""

import logging
from http import HTTPStatus
from typing import Any

import orjson
from flask import Flask, Response
from gunicorn.http.errors import ParseException

from . import logs
from .problems import SENTENCES, problem
from .settings import Settings

log = logging.getLogger("request")
NO_STORE = ("Cache-Control", "no-store")
ALWAYS = (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "same-origin"))
HSTS = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
STRICT_CSP = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
)
STATUSES = {"LimitRequestLine": 414, "LimitRequestHeaders": 431, "UnsupportedTransferCoding": 501,
            "ExpectationFailed": 417}  # fmt: skip
WORDS = {
    408: "This request took too long to arrive.",
    414: "The address of this request is too long.",
    417: "This expectation cannot be met.",
    429: "Too many connections from your network. Wait a little, then try again.",
    431: "The headers of this request are too large.",
    501: "This transfer coding is not known here.",
}


def carried(https: bool) -> tuple[tuple[str, str], ...]:
    """The headers of every answer; the Content-Security-Policy comes besides."""
    return (*ALWAYS, HSTS) if https else ALWAYS


def status_of(error: BaseException) -> int:
    """The status of what gunicorn could not parse."""
    return STATUSES.get(type(error).__name__, 400)


def https(app: Any) -> bool:
    """Whether people reach this application by https; `app` is what the server calls."""
    settings = getattr(app, "extensions", {}).get("settings")
    return getattr(app, "https", False) or str(getattr(settings, "public_url", "")).startswith("https://")


def unparsed(status: int, request_id: str, https: bool = False, *more: tuple[str, Any]) -> bytes:
    """A whole answer, byte for byte, to a request that no application has seen. The connection ends."""
    sentence = WORDS.get(status) or SENTENCES.get(status, SENTENCES[400])
    body = orjson.dumps(problem(status, sentence, instance="", request_id=request_id))
    headers: tuple[tuple[str, Any], ...] = (
        ("Connection", "close"),
        ("Content-Type", "application/problem+json"),
        ("Content-Length", len(body)),
        ("Content-Security-Policy", STRICT_CSP),
        ("X-Request-Id", request_id),
        NO_STORE,
        *carried(https),
        *more,
    )
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def unread(error: BaseException, app: Any) -> bytes:
    """Logs what gunicorn could not parse, or an error of ours that nobody caught. The whole answer to it."""
    known = isinstance(error, ParseException)
    status, request_id = status_of(error) if known else 500, logs.request_id(None)
    told = {"request_id": request_id, "status": status, "reason": type(error).__name__}
    if known:
        log.info("request not understood", extra=told)
    else:
        log.error("unexpected error", extra=told, exc_info=error)
    return unparsed(status, request_id, https(app))


def install(app: Flask, settings: Settings) -> None:
    always = carried(settings.public_url.startswith("https://"))
    usual = [
        (name.lower(), name, value)
        for name, value in (*always, ("Content-Security-Policy", STRICT_CSP), NO_STORE)
    ]

    def guarded(response: Response) -> Response:
        said = {name.lower() for name, _ in response.headers}
        for lower, name, value in usual:
            if lower not in said:
                response.headers.add(name, value)  # `setdefault` looks through all of them for each
        return response

    app.after_request(guarded)
