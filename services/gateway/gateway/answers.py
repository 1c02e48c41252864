"""What the gateway says itself: problem bodies for programs, small pages for people."""

import html
from http import HTTPStatus
from typing import NamedTuple

import orjson

from chassis.guard import NO_STORE
from chassis.problems import SENTENCES, Refusal, problem

from .headers import CHALLENGE, PAGE_CSP, Headers
from .visit import Visit

PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Flasky - {title}</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="/api/docs/gateway.css">
</head>
<body>
  <header><a href="/">Flasky</a></header>
  <main>
    <h1>{title}</h1>
    <p>{message}</p>
    <p><a class="button" href="/">Home</a></p>
    <p><small>The number of this request: <code>{request_id}</code></small></p>
  </main>
</body>
</html>
"""
TITLES = {
    400: "That did not work",
    413: "Too large",
    429: "Too many requests",
    500: "Something went wrong",
    502: "Not available right now",
    503: "Not available right now",
    504: "Not available right now",
}
# Programs are told in other words: how large, and of what.
SAID_TO_PEOPLE = {
    413: "What you sent is larger than this site takes. Go back, make it shorter, then send it again."
}
LONGEST_INSTANCE = 512


class Reply(NamedTuple):
    """An answer on its way to the client. `logged` says that its page has told logs and metrics already."""

    status: int
    headers: Headers
    body: bytes = b""
    logged: bool = False


class Malformed(Refusal):
    status, message = 400, SENTENCES[400]


class HeadersTooLarge(Refusal):
    status = 431

    def __init__(self, most: int) -> None:
        super().__init__(f"The headers of this request are too large: at most {most} bytes are allowed.")


class TooSlow(Refusal):
    status, message = 408, "The body of this request took too long to arrive."


class Unexpected(Refusal):
    status, message = 500, SENTENCES[500]


def refused(visit: Visit, refusal: Refusal) -> Reply:
    """The refusal as the caller reads it best: JSON under /api/, else a page unless only JSON will do."""
    headers = [NO_STORE, *refusal.headers.items()]
    if refusal.status == 401:
        headers.append(CHALLENGE)
    if wants_page(visit.path, visit.environ.get("HTTP_ACCEPT", "")):
        page = ("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", PAGE_CSP)
        return Reply(refusal.status, [*page, *headers], _page(visit, refusal))
    return Reply(
        refusal.status, [("Content-Type", "application/problem+json"), *headers], _problem(visit, refusal)
    )


def _problem(visit: Visit, refusal: Refusal) -> bytes:
    instance = visit.path[:LONGEST_INSTANCE]
    told = problem(
        refusal.status, refusal.message, instance=instance, request_id=visit.request_id, errors=refusal.errors
    )
    return orjson.dumps(told)


def _page(visit: Visit, refusal: Refusal) -> bytes:
    told = {
        "title": TITLES.get(refusal.status) or HTTPStatus(refusal.status).phrase,
        "message": html.escape(SAID_TO_PEOPLE.get(refusal.status, refusal.message)),
        "request_id": visit.request_id,
    }
    return PAGE.format(**told).encode()


def wants_page(path: str, accept: str) -> bool:
    """Outside the API people get pages, unless what they accept is JSON and not HTML."""
    if path.startswith("/api/"):
        return False
    accepted = {part.partition(";")[0].strip().lower() for part in accept.split(",") if not _refuses(part)}
    html = accepted & {"text/html", "application/xhtml+xml", "text/*", "*/*"}
    json = accepted & {"application/json", "application/problem+json", "application/*"}
    return bool(html) or not json


def _refuses(part: str) -> bool:
    return part.replace(" ", "").lower().endswith((";q=0", ";q=0.0"))
