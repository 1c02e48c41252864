"""What people see when something cannot be done: a page with the right status, and their text kept."""

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, flash, redirect, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from chassis import problems
from chassis.problems import Conflict, Invalid, Refusal, TooLarge, TooMany, Unauthenticated, Unavailable

from .showing import show
from .visitors import NOT_COME_BACK_TO, SignInFirst, login_address, safe_path, visitor

log = logging.getLogger(__name__)
TITLES = {
    400: "That did not work",
    403: "Forbidden",
    404: "Page not found",
    405: "This page cannot do that",
    409: "That did not work",
    413: "Too large",
    429: "Too many requests",
    500: "Something went wrong",
    503: "Not available right now",
}
SENTENCES = {
    403: "You may not see this page or do this.",
    404: "There is nothing at this address. It may have been removed, or the link may have a mistake in it.",
    405: "This address exists, but it does not answer this kind of request.",
    413: "What you sent is larger than this site takes. Go back, make it shorter, then send it again.",
    500: "Something went wrong on our side. It has been logged, and we will look at it.",
}
NOT_KEPT, NOT_SHOWN = (
    ("csrf_token", "submit", "preview"),
    ("key", "version", "id", "remember_me", "shown", "role"),
)
TICKS = ("confirmed", "disabled")
MARKS = {"key", "version", "shown"}
ONE_TIME = {"code", "otp", "passkey", "credential"}
# Fields; no form of ours has as many. To read 200,000 takes half a second, to show them again four.
MOST_FIELDS = 100
FORM = "application/x-www-form-urlencoded"
BODIES = ("application/json", "application/problem+json")
EXPIRED = (
    "This form was open for a long time, or your browser did not send back what shows that it is yours, "
    "so nothing has been changed."
)
RELOAD = "Go back, reload that page, then try again."
CHECK = "What you wrote is below: check it, then send it again."
SIGNED_OUT = "You are no longer logged in, so nothing has been sent."
COME_BACK = "What you wrote is below: log in in another tab, then come back here and send it again."
BELOW = "What you wrote is below."
COPY = "What you wrote is below, so that you can copy it."
GONE = (403, 404)  # to send it once more would not help
UNSURE = f"{BELOW} It may have arrived all the same; if you send it again, it is still there only once."
PASSWORDS = "Passwords are never kept: enter them again."


def wants_page() -> bool:
    """A problem body only for programs that take JSON and not HTML."""
    accepted = request.accept_mimetypes
    return accepted["text/html"] > 0 or not any(accepted[kind] for kind in BODIES)


def page(status: int, message: str = "", headers: dict[str, str] | None = None) -> Response:
    """The error page. `message` is used where it says more than the usual sentence."""
    if not wants_page():
        return problems.answer(status, message or SENTENCES.get(status, HTTPStatus(status).phrase), headers)
    title = TITLES.get(status) or HTTPStatus(status).phrase
    said = SENTENCES.get(status) or message or problems.SENTENCES.get(status, "")
    soon = request.method == "GET" and status in (429, 503)
    again = safe_path(request.full_path.rstrip("?")) if soon else ""
    response = show("error.html", status, title=title, message=said, again=again)
    response.headers.update(headers or {})
    return response


def typed() -> dict[str, str]:
    """The fields of a form that is to be shown again, passwords empty; none, if there is nothing to lose."""
    sent = {name: text for name, text in request.form.items() if name not in NOT_KEPT}
    fields = {name: "" if "password" in name else text for name, text in sent.items()}
    worth = any(text.strip() for name, text in fields.items() if name not in NOT_SHOWN)
    return fields if worth and not ONE_TIME & fields.keys() else {}


def kept(
    status: int, message: str, below: str, headers: dict[str, str] | None = None, title: str = ""
) -> Response:
    """A page with what was typed, never a password, in a form that sends it again. `below` says so; COPY,
    that it is only to be copied.
    """
    fields = typed()
    if not wants_page() or not fields:
        return page(status, message, headers)
    entered = any("password" in name for name in fields)
    said = f"{message} {below} {PASSWORDS}" if entered else f"{message} {below}"
    shown: dict[str, Any] = {
        "not_shown": NOT_SHOWN,
        "ticks": TICKS,
        "sendable": below != COPY,
        "target": request.full_path,
        "code": status,
    }
    title = title or TITLES.get(status) or HTTPStatus(status).phrase
    response = show("kept.html", status, title=title, message=said, fields=fields, **shown)
    response.headers.update(headers or {})
    return response


def _csrf(error: CSRFError) -> Response:
    if visitor() is None and request.endpoint not in NOT_COME_BACK_TO:
        return _sign_in_first(error)  # who logs out, in another tab perhaps, loses the secret of these forms
    if typed():
        return kept(400, EXPIRED, CHECK)
    if any("password" in name or name in ONE_TIME for name in request.form):
        flash("This form was open for too long. Please fill it in again.")
        return redirect(request.full_path.rstrip("?"), 303)  # type: ignore[return-value]
    return page(400, f"{EXPIRED} {RELOAD}")


def _sign_in_first(_: Exception) -> Response:
    """A text would be lost only where a form was open from before: those for members have one of MARKS."""
    if request.method in ("GET", "HEAD") or not (MARKS & request.form.keys() and typed()):
        flash("Please log in to access this page.")
        return redirect(login_address(), 302 if request.method in ("GET", "HEAD") else 303)  # type: ignore[return-value]
    return kept(403, SIGNED_OUT, COME_BACK, title="Please log in again")


def _refused(error: Refusal) -> Response:
    if isinstance(error, Unauthenticated) and wants_page():
        response = _sign_in_first(error)
        response.headers.update(error.headers)  # the gateway comes again with another token, if it has one
        return response
    if request.method == "POST" and isinstance(error, Unavailable | TooMany | Conflict | Invalid):
        lost = isinstance(error, Unavailable) and "preview" not in request.form
        return kept(error.status, error.message, UNSURE if lost else BELOW, error.headers)
    if request.method == "POST" and error.status in GONE:
        return kept(error.status, SENTENCES[error.status], COPY, error.headers)
    return page(error.status, error.message, error.headers)


def _http(error: HTTPException) -> Response:
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    kept_headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return page(error.code or 500, "", kept_headers)


def _unexpected(_: Exception) -> Response:
    log.exception("unexpected error")
    return page(500)


def _few_fields() -> None:
    """Before anything reads the form."""
    if request.mimetype == FORM and request.get_data(parse_form_data=False).count(b"&") >= MOST_FIELDS:
        raise TooLarge


def install(app: Flask) -> None:
    """Instead of the problem bodies that the services answer with."""
    app.before_request(_few_fields)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(SignInFirst, _sign_in_first)
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)
