"""Moderation of comments."""

from flask import Blueprint, Response, request

from chassis.settings import settings

from ..clients import maybe, posts
from ..forms import ConfirmForm
from ..pager import Pager, asked_page
from ..showing import show
from ..visitors import Permission, members
from .steps import onward, question

MODERATE = Permission.MODERATE
pages = Blueprint("moderation", __name__, url_prefix="/moderate")


@pages.get("")
@members(MODERATE)
def moderate() -> Response:
    page = asked_page()
    found = maybe(lambda: posts.comments_to_moderate(page))
    pager = Pager("/moderate", page, found, settings.comments_per_page) if found else None
    return show("moderate.html", comments=found, pager=pager, form=ConfirmForm())


@pages.route("/enable/<int:id>", methods=["GET", "POST"])
@members(MODERATE)
def enable(id: int) -> Response:
    return _set(id, disabled=False)


@pages.route("/disable/<int:id>", methods=["GET", "POST"])
@members(MODERATE)
def disable(id: int) -> Response:
    return _set(id, disabled=True)


def _set(id: int, disabled: bool) -> Response:
    """The moderator comes back to the same page of the list, and to the same comment; or to its post,
    if that is where the moderator has read it.
    """
    back = f"/comment/{id}" if "post" in request.args else f"/moderate?page={asked_page()}#comment-{id}"
    if request.method == "POST":
        posts.disable(id, disabled)
        return onward(back)
    shown = posts.comment(id).comment
    if disabled:
        text = "Nobody will see the text of this comment, only that it was disabled."
        return question("Disable Comment", text, "Disable", back, danger=True, about=shown.body)
    return question("Enable Comment", "Everybody will see the text of this comment again.", "Enable", back)
