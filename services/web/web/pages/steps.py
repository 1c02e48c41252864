"""What many pages do: lead on after a form, ask with one button, say in a form what was refused."""

from flask import Response, flash, redirect, request

from chassis.problems import Refusal, Unauthenticated

from ..forms import ConfirmForm, Form, sentence
from ..showing import show

LOGIN = "/auth/login"
DRAFT_SECONDS = 60


def onward(path: str, message: str = "", sent: str = "") -> Response:
    """After a form: the next page is read with GET (WEB-04), and may begin with a message.

    Args:
        sent: name of the draft that the editor's script may drop now, because its text has arrived.
    """
    if message:
        flash(message)
    response: Response = redirect(path, 303 if request.method == "POST" else 302)  # type: ignore[assignment]
    if sent:
        response.set_cookie("sent", sent, DRAFT_SECONDS, samesite="Lax")
    return response


def question(title: str, text: str, button: str, back: str = "/", *, danger: bool = False) -> Response:
    """Nothing changes by GET (decision 9): a page with one button that posts to the same address."""
    return show(
        "confirm.html", title=title, text=text, button=button, back=back, danger=danger, form=ConfirmForm()
    )


def told(form: Form, refusal: Refusal) -> int:
    """A refusal's words go into the form: at their fields, or above it. Returns the status of the page."""
    if isinstance(refusal, Unauthenticated):
        raise refusal
    if not form.blame(refusal):
        form.form_errors.append(sentence(refusal.message))
    return refusal.status
