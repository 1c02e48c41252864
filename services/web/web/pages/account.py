"""Accounts: everything under `/auth`. The session's cookie is set here; the gateway reads it."""

import re
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, request, session

from chassis.access import public
from chassis.problems import Conflict, Invalid, NotFound, Refusal, TooMany, Unauthenticated, Unavailable
from chassis.settings import settings

from ..clients import auth, maybe
from ..clients.shapes import SignedIn
from ..forms import (
    ChangeEmailForm,
    ChangePasswordForm,
    ConfirmForm,
    Form,
    LoginForm,
    RegistrationForm,
    RemoveAccountForm,
    ResetForm,
    ResetRequestForm,
    sentence,
)
from ..pager import Pager, asked_page
from ..showing import show
from ..visitors import me, members, safe_path, visitor
from .steps import onward, question

pages = Blueprint("account", __name__, url_prefix="/auth")
LOGIN = "/auth/login"
DEVICE, DEVICE_SECONDS = re.compile(r"[A-Za-z0-9_.~-]{1,512}"), 2 * 365 * 24 * 3600
BAD_CONFIRMATION = "The confirmation link is invalid or has expired."
OTHERS_END = "You will stay logged in here and be logged out everywhere else."
GOES = (
    "Your profile, your posts with all comments on them, your comments and your follows will be erased, and"
    " you will be logged out everywhere. This cannot be undone. A last mail will tell you when it is done."
)
GONE = "Your account is closed, and everything of it is being erased. A mail will tell you when that is done."
BAD_LINK = "This link is invalid or has expired. You can ask for a new one here."


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
        except (TooMany, Unavailable, Invalid) as refusal:
            status = refusal.status
            form.form_errors.append(refusal.message)
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
    """It opens nothing; it only keeps others from locking the owner of this browser out (decision 6)."""
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
    return _signed_out("You have been logged out.")


def _end(sid: str) -> None:
    """One that has ended already is as good as ended."""
    try:
        auth.end_session(sid)
    except (NotFound, Unauthenticated):
        return


def _signed_out(message: str, to: str = "/") -> Response:
    """The next one at this browser begins with nothing of this one."""
    session.clear()
    response = onward(to, message)
    _set_session(response, "", 0)
    return response


@pages.route("/register", methods=["GET", "POST"])
@public()
def register() -> Response:
    form, status = RegistrationForm(), 200
    if form.validate_on_submit():
        try:
            auth.register(form.email.data or "", form.username.data or "", form.password.data or "")
        except Refusal as refusal:
            status = told(form, refusal)
        else:
            return onward(LOGIN, "A confirmation email has been sent to you by email.")
    elif form.is_submitted():
        status = 400
    return show("auth/register.html", status, form=form)


def told(form: Form, refusal: Refusal) -> int:
    """A refusal's words go into the form: at their fields, or above it. Returns the status of the page."""
    if isinstance(refusal, Unauthenticated):
        raise refusal
    if not form.blame(refusal):
        form.form_errors.append(sentence(refusal.message))
    return refusal.status


@pages.route("/confirm", methods=["GET", "POST"])
@members()
def resend_confirmation() -> Response:
    if request.method != "POST":
        text = "We will send a new confirmation email. Links in older ones will no longer work."
        return question("Confirmation email", text, "Send it")
    auth.resend_confirmation()
    return onward("/", "A new confirmation email has been sent to you by email.")


@pages.route("/confirm/<token>", methods=["GET", "POST"])
@members()
def confirm(token: str) -> Response:
    if me().confirmed:
        return onward("/")
    if request.method != "POST":
        text = f"One step is left, {me().username}: confirm that this account is yours."
        return question("Confirm your account", text, "Confirm my account", back="/auth/unconfirmed")
    try:
        confirmed = auth.confirm(token)
    except Invalid:
        return onward("/", BAD_CONFIRMATION)
    if confirmed.id != me().id:
        return onward("/", BAD_CONFIRMATION)
    return onward("/", "You have confirmed your account. Thanks!")


@pages.get("/unconfirmed")
@public()
def unconfirmed() -> Response:
    actor = visitor()
    if actor is None or actor.confirmed:
        return onward("/")
    return show("auth/unconfirmed.html", form=ConfirmForm())


@pages.route("/change-password", methods=["GET", "POST"])
@members()
def change_password() -> Response:
    form, status = ChangePasswordForm(), 200
    if form.validate_on_submit():
        try:
            auth.change_password(form.old_password.data or "", form.password.data or "")
        except Refusal as refusal:
            status = told(form, refusal)
        else:
            return onward("/", "Your password has been updated.")
    elif form.is_submitted():
        status = 400
    return show("auth/form.html", status, form=form, title="Change Password", lead=OTHERS_END)


@pages.route("/reset", methods=["GET", "POST"])
@public()
def ask_reset() -> Response:
    if visitor() is not None:
        return onward("/")
    form, status = ResetRequestForm(), 200
    if form.validate_on_submit():
        try:
            auth.ask_reset(form.email.data or "")
        except Refusal as refusal:
            status = told(form, refusal)
        else:
            sent = "An email with instructions to reset your password has been sent to you."
            return onward(LOGIN, sent)
    elif form.is_submitted():
        status = 400
    lead = "Tell us the email address of your account, and we will send you a link to choose a new password."
    return show("auth/form.html", status, form=form, title="Reset Your Password", lead=lead)


@pages.route("/reset/<token>", methods=["GET", "POST"])
@public()
def reset(token: str) -> Response:
    if visitor() is not None:
        return onward("/")
    form, status = ResetForm(), 200
    if form.validate_on_submit():
        try:
            auth.reset(token, form.password.data or "")
        except Refusal as refusal:
            if _is_about_the_link(refusal):
                return onward("/auth/reset", BAD_LINK)
            status = told(form, refusal)
        else:
            return onward(LOGIN, "Your password has been updated.")
    elif form.is_submitted():
        status = 400
    return show("auth/form.html", status, form=form, title="Reset Your Password", lead="")


def _is_about_the_link(refusal: Refusal) -> bool:
    return any(error["field"] == "token" for error in refusal.errors)


@pages.route("/change-email", methods=["GET", "POST"])
@members()
def propose_email() -> Response:
    form, status = ChangeEmailForm(), 200
    if form.validate_on_submit():
        try:
            auth.propose_email(form.email.data or "", form.password.data or "")
        except Refusal as refusal:
            status = told(form, refusal)
        else:
            sent = "An email with instructions to confirm your new email address has been sent to you."
            return onward("/", sent)
    elif form.is_submitted():
        status = 400
    lead = "Your address changes when you open the link that we send to the new one."
    return show("auth/form.html", status, form=form, title="Change Your Email Address", lead=lead)


@pages.route("/change-email/<token>", methods=["GET", "POST"])
@members()
def change_email(token: str) -> Response:
    if request.method != "POST":
        text = "Your account will use the address that this link was sent to."
        return question("Change Your Email Address", text, "Change my address")
    try:
        auth.change_email(token)
    except (Invalid, Conflict):
        return onward("/auth/change-email", "This link is invalid or has expired, or the address is in use.")
    return onward("/", "Your email address has been updated.")


@pages.route("/sessions", methods=["GET", "POST"])
@members()
def sessions() -> Response:
    if request.method == "POST":
        return _end_sessions(request.form.get("id", ""))
    page = asked_page()
    found = maybe(lambda: auth.sessions(page))
    pager = Pager("/auth/sessions", page, found.count, settings.users_per_page) if found else None
    return show("auth/sessions.html", sessions=found, pager=pager, form=ConfirmForm())


def _end_sessions(which: str) -> Any:
    if which == "all":
        auth.end_all_sessions()
        return _signed_out("You have been logged out everywhere.", LOGIN)
    if which == me().session:
        return logout()
    auth.end_session(which)
    return onward("/auth/sessions", "That session has ended.")


@pages.route("/remove-account", methods=["GET", "POST"])
@members()
def remove_account() -> Response:
    form, status = RemoveAccountForm(), 200
    if form.validate_on_submit():
        try:
            auth.remove_me(form.password.data or "")
        except Refusal as refusal:
            status = told(form, refusal)
        else:
            return _signed_out(GONE)
    elif form.is_submitted():
        status = 400
    return show("auth/form.html", status, form=form, title="Remove Your Account", lead=GOES, danger=True)
