"""One post with its comments: reading, commenting, changing, deleting."""

from bisect import bisect_right
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request

from chassis.access import public
from chassis.problems import Conflict, NotAllowed
from chassis.settings import settings

from ..clients import posts, together
from ..clients.calls import SentAlready
from ..clients.shapes import Comment, Page, Post
from ..forms import CommentForm, ConfirmForm, EditCommentForm, EditForm
from ..pager import Pager, asked_page, last_page
from ..showing import show
from ..visitors import Permission, may, me, members, needs
from .steps import COMMENTS, onward, question

COMMENT, MODERATE, ADMIN = Permission.COMMENT, Permission.MODERATE, Permission.ADMIN
LAST = "-1"
NEVER = datetime.max.replace(tzinfo=UTC), 0
pages = Blueprint("posts", __name__)


@pages.route("/post/<int:id>", methods=["GET", "POST"])
@public()
def post(id: int) -> Response:
    if request.method == "POST":
        needs(COMMENT)
    form = CommentForm() if may(COMMENT) else None
    if form is not None and form.validate_on_submit():
        if "preview" in request.form:
            return _post(id, form, preview=posts.preview(form.body.data or "", "comment"))
        try:
            said = posts.comment_on(id, form.body.data or "", form.once)
        except SentAlready as refusal:
            form.renew(refusal)
            return _post(id, form, refusal.status)
        to, draft = f"/post/{id}?page=-1#comment-{said.id}", f"comment-{me().id}-{id}"
        return onward(to, "Your comment has been published.", sent=draft, at=COMMENTS)
    return _post(id, form, status=400 if request.method == "POST" else 200)


def _post(id: int, form: CommentForm | None, status: int = 200, preview: str = "") -> Response:
    shown, page, found = _read(id)
    pager = Pager(f"/post/{id}", page, found, settings.comments_per_page, "#comments")
    context: dict[str, Any] = {"post": shown, "comments": found, "pager": pager}
    return show("post.html", status, shared=True, form=form, preview=preview, **context)


def _read(id: int) -> tuple[Post, int, Page[Comment]]:
    """The post and one page of its comments; `page=-1` is the last one."""
    if request.args.get("page") == LAST:
        shown = posts.post(id).post
        page = last_page(shown.comment_count, settings.comments_per_page)
        return shown, page, posts.comments_on(id, page)
    page = asked_page()
    (shown, _), found = together(lambda: posts.post(id), lambda: posts.comments_on(id, page))
    return shown, page, found


def _own_or(author: int, bit: Permission) -> None:
    """Raises `NotAllowed` unless it is the visitor's own, or the visitor holds the bit."""
    if author != me().id and not (may(bit) or may(ADMIN)):
        raise NotAllowed


@pages.route("/edit/<int:id>", methods=["GET", "POST"])
@members()
def edit(id: int) -> Response:
    shown, tag = posts.post(id)
    _own_or(shown.author.id, ADMIN)
    form = EditForm(data={"body": shown.body, "version": tag})
    if not form.validate_on_submit():
        return show("edit_post.html", 400 if form.is_submitted() else 200, form=form, post=shown)
    if "preview" in request.form:
        html = posts.preview(form.body.data or "", "post")
        return show("edit_post.html", form=form, post=shown, preview=html)
    try:
        posts.edit(id, form.body.data or "", form.version.data or "*")
    except Conflict:
        form.version.data = tag
        return show("edit_post.html", 409, form=form, post=shown, conflict=True)
    return onward(f"/post/{id}", "The post has been updated.", sent=f"edit-{me().id}-{id}")


@pages.route("/delete/<int:id>", methods=["GET", "POST"])
@members()
def delete(id: int) -> Response:
    shown = posts.post(id).post
    _own_or(shown.author.id, ADMIN)
    if ConfirmForm().validate_on_submit():
        posts.remove(id)
        return onward("/", "The post has been deleted.")
    text = "The post and its comments will be gone for everybody. This cannot be undone."
    return question("Delete Post", text, "Delete", back=f"/post/{id}", danger=True, about=shown.body)


@pages.get("/comment/<int:id>")
@members()
def comment(id: int) -> Response:
    """Leads to where a comment stands."""
    said = posts.comment(id).comment
    return onward(f"/post/{said.post_id}?page={_page_of(said)}#comment-{id}")


def _page_of(said: Comment) -> int:
    """Comments stand in the order of time, so that each page that is looked at rules out half of the rest."""
    count = posts.comments_on(said.post_id, 1).count
    later = range(2, last_page(count, settings.comments_per_page) + 1)
    return 1 + bisect_right(later, _place(said), key=lambda page: _beginning(said.post_id, page))


def _beginning(post: int, page: int) -> tuple[datetime, int]:
    """The place of a page's first comment; a page that has become empty begins after all of them."""
    found = posts.comments_on(post, page).items
    return _place(found[0]) if found else NEVER


def _place(said: Comment) -> tuple[datetime, int]:
    return said.timestamp, said.id


@pages.route("/comment/<int:id>/edit", methods=["GET", "POST"])
@members(COMMENT)
def edit_comment(id: int) -> Response:
    shown, tag = posts.comment(id)
    _own_or(shown.author.id, ADMIN)
    if shown.disabled:
        raise NotAllowed
    back = f"/post/{shown.post_id}?page={asked_page()}#comment-{id}"
    form = EditCommentForm(data={"body": shown.body, "version": tag})
    context: dict[str, Any] = {"form": form, "comment": shown, "back": back}
    if not form.validate_on_submit():
        return show("edit_comment.html", 400 if form.is_submitted() else 200, **context)
    if "preview" in request.form:
        html = posts.preview(form.body.data or "", "comment")
        return show("edit_comment.html", preview=html, **context)
    try:
        posts.edit_comment(id, form.body.data or "", form.version.data or "*")
    except Conflict:
        form.version.data = tag
        return show("edit_comment.html", 409, conflict=True, **context)
    draft = f"edit-comment-{me().id}-{id}"
    return onward(back, "Your comment has been updated.", sent=draft, at=COMMENTS)


@pages.route("/comment/<int:id>/delete", methods=["GET", "POST"])
@members()
def delete_comment(id: int) -> Response:
    shown = posts.comment(id).comment
    _own_or(shown.author.id, MODERATE)
    back = f"/post/{shown.post_id}?page={asked_page()}#comments"
    if may(MODERATE) and "moderate" in request.args:
        back = f"/moderate?page={asked_page('moderate')}"
    if ConfirmForm().validate_on_submit():
        posts.remove_comment(id)
        return onward(back, "The comment has been deleted.", at=COMMENTS)
    text = "The comment will be gone for everybody. This cannot be undone."
    return question("Delete Comment", text, "Delete", back=back, danger=True, about=shown.body)
