"""Signing in and out, and where one is signed in. The session's cookie is set here; the gateway reads it."""

import re
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, request, session

from chassis.access import public
from chassis.problems import Invalid, NotAllowed, NotFound, TooMany, Unauthenticated, Unavailable
from chassis.settings import settings

from ..clients import auth, maybe
from ..clients.shapes import SignedIn
from ..forms import ConfirmForm, LoginForm
from ..pager import Pager, asked_page
from ..showing import show
from ..visitors import me, members, safe_path
from .steps import LOGIN, onward, question, told

pages = Blueprint("signing", __name__, url_prefix="/auth")
WHICH = "This form does not say which session is to end. Open your sessions again and choose one."
DEVICE, DEVICE_SECONDS = re.compile(r"[A-Za-z0-9_.~-]{1,512}"), 2 * 365 * 24 * 3600


@pages.route("/login", methods=["GET", "POST"])
@public()
def login() -> Response:
    form, status = LoginForm(), 200
    if form.validate_on_submit():
        try:
            return _signed_in(form)
        except Unauthenticated:
            status = 400
            form.form_errors.append("Invalid email or password.")
        except (NotAllowed, TooMany, Unavailable, Invalid) as refusal:
            status = told(form, refusal)
    elif form.is_submitted():
        status = 400
    return show("auth/login.html", status, form=form)


def _signed_in(form: LoginForm) -> Response:
    email, password = form.email.data or "", form.password.data or ""
    done = auth.sign_in(email, password, remember=bool(form.remember_me.data), **browser())
    if isinstance(done, SignedIn):
        return arrived(done)
    session["pending"] = done.pending
    return onward(f"/auth/login/second?next={quote(safe_path(request.args.get('next')), safe='/')}")


def browser() -> dict[str, str]:
    """Where somebody signs in, as the log and the list of sessions tell it."""
    return {
        "address": request.headers.get("X-Forwarded-For", request.remote_addr or "")[:64],
        "agent": "".join(filter(str.isprintable, request.headers.get("User-Agent", "")))[:256],
        "device": _device(),
    }


def arrived(opened: SignedIn) -> Response:
    """Signed in: the browser gets its cookies, and goes on to where it was going."""
    response = onward(safe_path(request.args.get("next")))
    _set_session(response, opened.session, opened.max_age)
    _set_device(response, opened.device)
    return response


def _device() -> str:
    shown = request.cookies.get(settings.device_cookie, "")
    return shown if DEVICE.fullmatch(shown) else ""


def _set_device(response: Response, value: str) -> None:
    """It opens nothing; it only keeps others from locking the owner of this browser out."""
    response.set_cookie(
        settings.device_cookie, value, DEVICE_SECONDS, secure=settings.https, httponly=True, samesite="Lax"
    )


def _set_session(response: Response, value: str, max_age: int | None) -> None:
    response.set_cookie(
        settings.session_cookie, value, max_age, secure=settings.https, httponly=True, samesite="Lax"
    )


@pages.route("/logout", methods=["GET", "POST"])
@members()
def logout() -> Response:
    if request.method != "POST":
        return question("Log Out", "You will be logged out in this browser.", "Log Out")
    if sid := me().session:
        maybe(lambda: _end(sid))
    return signed_out("You have been logged out.")


def _end(sid: str) -> None:
    """One that has ended already is as good as ended."""
    try:
        auth.end_session(sid)
    except (NotFound, Unauthenticated):
        return


def signed_out(message: str, to: str = "/") -> Response:
    """The next one at this browser begins with nothing of this one."""
    session.clear()
    response = onward(to, message)
    _set_session(response, "", 0)
    return response


@pages.route("/sessions", methods=["GET", "POST"])
@members()
def sessions() -> Response:
    if request.method == "POST":
        return _end_sessions(request.form.get("id", ""))
    page = asked_page()
    found = maybe(lambda: auth.sessions(page))
    pager = Pager("/auth/sessions", page, found, settings.users_per_page) if found else None
    return show("auth/sessions.html", sessions=found, pager=pager, form=ConfirmForm())


def _end_sessions(which: str) -> Any:
    if which == "all":
        auth.end_all_sessions()
        return signed_out("You have been logged out everywhere.", LOGIN)
    if which == me().session:
        return logout()
    if not which:
        raise Invalid(WHICH)
    with suppress(NotFound):  # it has ended already
        auth.end_session(which)
    return onward("/auth/sessions", "That session has ended.")
