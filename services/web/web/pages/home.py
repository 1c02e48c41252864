"""The home page, its tabs, people to discover, and what the editor's script asks for."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from chassis.access import public
from chassis.problems import Unavailable
from chassis.settings import settings

from ..clients import auth, maybe, posts, social
from ..clients.calls import SentAlready
from ..clients.shapes import Page, Post
from ..forms import COMMENT_BYTES, POST_BYTES, PostForm, lines
from ..pager import Pager, asked_page
from ..showing import prose, show
from ..visitors import Permission, may, me, members, needs, visitor
from .steps import onward, question

FOLLOWED = "show_followed"
MONTH = 30 * 24 * 3600
pages = Blueprint("home", __name__)


@pages.route("/", methods=["GET", "POST"])
@public()
def home() -> Response:
    if request.method == "POST":
        needs(Permission.WRITE)
    form = PostForm() if may(Permission.WRITE) else None
    if form is not None and form.validate_on_submit():
        if "preview" in request.form:
            return _home(form, preview=posts.preview(form.body.data or "", "post"))
        try:
            posts.publish(form.body.data or "", form.once)
        except SentAlready as refusal:
            form.renew(refusal)
            return _home(form, refusal.status)
        return onward("/", sent=f"post-{me().id}")
    return _home(form, status=400 if request.method == "POST" else 200)


def _home(form: PostForm | None, status: int = 200, preview: str = "") -> Response:
    page, followed = asked_page(), shows_followed()
    found = maybe(lambda: listing(followed, page))
    pager = Pager("/", page, found, settings.posts_per_page) if found else None
    shown: dict[str, Any] = {"posts": found, "pager": pager, "followed": followed}
    return show("home.html", status, shared=found is not None, form=form, preview=preview, **shown)


def shows_followed() -> bool:
    """Only for people who are signed in; strangers always see all."""
    return visitor() is not None and bool(request.cookies.get(FOLLOWED))


def listing(followed: bool, page: int) -> Page[Post]:
    return social.timeline(me().id, page) if followed else posts.newest(page)


@pages.route("/all", methods=["GET", "POST"])
@members()
def all_posts() -> Response:
    return _choose("", "All posts", "Show the posts of everybody on your home page.")


@pages.route("/followed", methods=["GET", "POST"])
@members()
def followed_posts() -> Response:
    return _choose("1", "Followed posts", "Show only the posts of people whom you follow on your home page.")


def _choose(followed: str, title: str, text: str) -> Response:
    if request.method != "POST":
        return question(title, text, "Show them")
    response = onward("/")
    secure = settings.public_url.startswith("https://")
    response.set_cookie(FOLLOWED, followed, MONTH, httponly=True, samesite="Lax", secure=secure)
    return response


@pages.get("/explore")
@public()
def explore() -> Response:
    page = asked_page()
    found = maybe(lambda: auth.people(page))
    pager = Pager("/explore", page, found, settings.users_per_page) if found else None
    return show("explore.html", shared=found is not None, people=found, pager=pager)


@pages.post("/preview")
@members()
def preview() -> Any:
    """What a text will look like, for the editor's script."""
    kind = "comment" if request.form.get("kind") == "comment" else "post"
    limit = COMMENT_BYTES if kind == "comment" else POST_BYTES
    text = lines(request.form.get("body", "")) or ""
    return jsonify(html=prose(posts.preview(text.encode()[:limit].decode(errors="ignore"), kind)))


@pages.get("/newer")
@public()
def newer() -> Any:
    """How many posts there are above the newest one that an open page shows."""
    after = request.args.get("after", "")
    try:
        found = listing(shows_followed(), 1).items if after.isdecimal() and len(after) < 20 else []
    except Unavailable:
        found = []
    return jsonify(newer=sum(post.id > int(after) for post in found))
