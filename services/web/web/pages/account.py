"""Accounts: registering, confirming, passwords, addresses, and leaving for good."""

from flask import Blueprint, Response, request

from chassis.access import public
from chassis.problems import Conflict, Invalid, Refusal

from ..clients import auth, maybe
from ..forms import (
    ChangeEmailForm,
    ChangePasswordForm,
    ConfirmForm,
    RegistrationForm,
    RemoveAccountForm,
    ResetForm,
    ResetRequestForm,
)
from ..showing import show
from ..visitors import me, members, visitor
from .signing import signed_out
from .steps import LOGIN, onward, question, told, tried

pages = Blueprint("account", __name__, url_prefix="/auth")
BAD_CONFIRMATION = "The confirmation link is invalid or has expired."
BAD_EMAIL_LINK = (
    "This link is invalid or has expired, it is not for this account, or the address is in use."
    " You can ask for a new one here."
)
NOT_YOURS = "This link was for another account, whose email address has been updated. Yours is as it was."
OTHERS_END = "You will stay logged in here and be logged out everywhere else."
GOES = (
    "Your profile, your posts with all comments on them, your comments and your follows will be erased, and"
    " you will be logged out everywhere. This cannot be undone. A last mail will tell you when it is done."
)
GONE = "Your account is closed, and everything of it is being erased. A mail will tell you when that is done."
BAD_LINK = "This link is invalid or has expired. You can ask for a new one here."


@pages.route("/register", methods=["GET", "POST"])
@public()
def register() -> Response:
    form = RegistrationForm()
    status = tried(
        form, lambda: auth.register(form.email.data or "", form.username.data or "", form.password.data or "")
    )
    if status is None:
        return onward(LOGIN, "A confirmation email has been sent to you by email.")
    return show("auth/register.html", status, form=form)


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
    account = maybe(auth.me)
    return show("auth/unconfirmed.html", form=ConfirmForm(), email=account.email if account else "")


@pages.route("/change-password", methods=["GET", "POST"])
@members()
def change_password() -> Response:
    form = ChangePasswordForm()
    status = tried(form, lambda: auth.change_password(form.old_password.data or "", form.password.data or ""))
    if status is None:
        return onward("/", "Your password has been updated.")
    return show("auth/form.html", status, form=form, title="Change Password", lead=OTHERS_END)


@pages.route("/reset", methods=["GET", "POST"])
@public()
def ask_reset() -> Response:
    if visitor() is not None:
        return onward("/")
    form = ResetRequestForm()
    status = tried(form, lambda: auth.ask_reset(form.email.data or ""))
    if status is None:
        sent = "An email with instructions to reset your password has been sent to you."
        return onward(LOGIN, sent)
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
    form = ChangeEmailForm()
    status = tried(form, lambda: auth.propose_email(form.email.data or "", form.password.data or ""))
    if status is None:
        sent = "An email with instructions to confirm your new email address has been sent to you."
        return onward("/", sent)
    lead = "Your address changes when you open the link that we send to the new one."
    return show("auth/form.html", status, form=form, title="Change Your Email Address", lead=lead)


@pages.route("/change-email/<token>", methods=["GET", "POST"])
@members()
def change_email(token: str) -> Response:
    if request.method != "POST":
        text = "Your account will use the address that this link was sent to."
        return question("Change Your Email Address", text, "Change my address")
    try:
        changed = auth.change_email(token)
    except (Invalid, Conflict):
        return onward("/auth/change-email", BAD_EMAIL_LINK)
    if changed.id != me().id:
        return onward("/", NOT_YOURS)
    return onward("/", "Your email address has been updated.")


@pages.route("/remove-account", methods=["GET", "POST"])
@members()
def remove_account() -> Response:
    form = RemoveAccountForm()
    status = tried(form, lambda: auth.remove_me(form.password.data or ""))
    if status is None:
        return signed_out(GONE)
    return show("auth/form.html", status, form=form, title="Remove Your Account", lead=GOES, danger=True)
