"""For programs that read pages: Atom feeds (RFC 4287) and the sitemap. Strangers' reading, whoever asks."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, g

from chassis.access import public
from chassis.problems import NotFound

from ..clients import auth, posts, together
from ..clients.shapes import Page, Post
from ..showing import show

SITEMAP_PAGES = 5
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ATOM, XML = "application/atom+xml", "application/xml"
pages = Blueprint("machines", __name__)


@pages.get("/feed.atom")
@public()
def feed() -> Response:
    g.pop("actor", None)
    found = posts.newest(1)
    return _feed(found, "Flasky: everybody", "/", "/feed.atom")


@pages.get("/user/<username>/feed.atom")
@public()
def feed_of(username: str) -> Response:
    g.pop("actor", None)
    person = auth.named(username)
    if person is None:
        raise NotFound
    path = f"/user/{person.username}"
    return _feed(posts.of(person.id, 1), f"Flasky: {person.username}", path, f"{path}/feed.atom")


def _feed(found: Page[Post], title: str, page: str, itself: str) -> Response:
    updated = max((post.timestamp for post in found.items), default=EPOCH)
    shown: dict[str, Any] = {"posts": found.items, "title": title, "page": page, "updated": updated}
    return show("feed.xml", shared=True, mimetype=ATOM, itself=itself, **shown)


@pages.get("/sitemap.xml")
@public()
def sitemap() -> Response:
    """The newest posts and their authors; everything older is reached from them."""
    g.pop("actor", None)
    first = posts.newest(1)
    size = max(len(first.items), 1)
    more = range(2, min(SITEMAP_PAGES, -(-first.count // size)) + 1)
    rest = together(lambda: None, *(lambda number=number: posts.newest(number) for number in more))[1:]
    found = [post for page in (first, *rest) for post in page.items]
    people = sorted({post.author.username for post in found if post.author.username})
    return show("sitemap.xml", shared=True, mimetype=XML, posts=found, people=people)
