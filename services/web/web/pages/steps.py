"""What many pages do: lead on after a form, ask with one button, say in a form what was refused."""

from collections.abc import Callable
from typing import Any

from flask import Response, after_this_request, flash, redirect, request

from chassis.problems import Refusal, Unauthenticated

from ..forms import ConfirmForm, Form, sentence
from ..showing import show

LOGIN = "/auth/login"
DRAFT_SECONDS = 60
COMMENTS = "comments"


def onward(path: str, message: str = "", sent: str = "", at: str = "message") -> Response:
    """After a form: the next page is read with GET, and may begin with a message.

    Args:
        sent: name of the draft that the editor's script may drop now, because its text has arrived.
        at: COMMENTS, if the page opens there: its beginning, with other messages, is out of sight then.
    """
    if message:
        flash(message, at)
    response: Response = redirect(path, 303 if request.method == "POST" else 302)  # type: ignore[assignment]
    if sent:
        response.set_cookie("sent", sent, DRAFT_SECONDS, samesite="Lax")
    return response


def question(
    title: str, text: str, button: str, back: str = "/", *, danger: bool = False, about: str | None = ""
) -> Response:
    """Nothing changes by GET: a page with one button that posts to the same address.

    Args:
        about: what somebody wrote, so that one sees whether it is the right one.
    """
    asked: dict[str, Any] = {"title": title, "text": text, "button": button, "about": about}
    return show("confirm.html", **asked, back=back, danger=danger, form=ConfirmForm())


def told(form: Form, refusal: Refusal) -> int:
    """A refusal's words go into the form: at their fields, or above it. Its headers may say when to
    come again, and go with the page. Returns the status of the page.
    """
    if isinstance(refusal, Unauthenticated):
        raise refusal
    if not form.blame(refusal):
        form.form_errors.append(sentence(refusal.message))

    @after_this_request
    def with_headers(page: Response) -> Response:
        page.headers.update(refusal.headers)
        return page

    return refusal.status


def tried(form: Form, act: Callable[[], object]) -> int | None:
    """Does what a form asks for, if it was sent and is filled in well. Returns nothing when it is done;
    else the status of the page that shows the form (again), with the words of what was refused in it.
    """
    if not form.is_submitted():
        return 200
    if not form.validate():
        return 400
    try:
        act()
    except Refusal as refusal:
        return told(form, refusal)
    return None
