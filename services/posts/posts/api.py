"""HTTP in: parse, call, present."""

from typing import Any

from flask import Blueprint, request

from chassis.access import Answer, created, needs, no_content
from chassis.links import site
from chassis.paging import Paging, collection
from chassis.problems import NotAllowed
from chassis.settings import settings
from chassis.tokens import Actor

from . import commands, markup, queries, shapes
from .models import Permission

COMMENT, WRITE, MODERATE = Permission.COMMENT, Permission.WRITE, Permission.MODERATE
DIGITS = 19  # of a version; Python refuses to read thousands of them
api = Blueprint("api", __name__, url_prefix="/api/v1")


@api.get("/posts/")
@needs(strangers=True, gives=shapes.Posts, fed=("auth",))
def posts(paging: Paging) -> Any:
    """Everybody's posts, newest first."""
    size = settings.posts_per_page
    rows, count = queries.posts(size, paging.offset(size))
    here = site()
    found = [shapes.post(row, here) for row in rows]
    return collection("posts", found, count=count, page=paging.page, size=size, path="/api/v1/posts/")


def published(id: int) -> Answer:
    shown = shapes.post(queries.post(id), site())
    return created(shown, at=shown["url"])


@api.post("/posts/")
@needs(WRITE, gives=shapes.Post, status=201, again=published)
def publish(author: Actor, draft: shapes.Draft) -> Answer:
    """Publish a post."""
    return published(commands.publish(author, draft.body))


@api.get("/posts/<int:id>")
@needs(strangers=True, gives=shapes.Post, refuses=(404,), fed=("auth",), tagged=True)
def post(id: int) -> Answer:
    """One post."""
    return tagged(queries.post(id))


@api.put("/posts/<int:id>")
@needs(WRITE, gives=shapes.Post, refuses=(404, 409), first=queries.may_edit_post, tagged=True)
def edit(id: int, draft: shapes.Draft) -> Answer:
    """Change a post's text; its author, or an administrator."""
    commands.edit(id, draft.replacement, expected_versions())
    return tagged(queries.post(id))


@api.delete("/posts/<int:id>")
@needs(status=204, refuses=(404, 409), first=queries.may_edit_post, tagged=True)
def remove(id: int) -> Answer:
    """Remove a post; its author, or an administrator."""
    commands.remove(id, expected_versions())
    return no_content()


@api.get("/users/<int:id>/posts/")
@needs(strangers=True, gives=shapes.PostsOf, refuses=(404,), fed=("auth",))
def posts_of(reader: Actor, id: int, paging: Paging) -> Any:
    """One person's posts, newest first; and how many comments they have written."""
    size = settings.posts_per_page
    rows, count, comment_count = queries.posts_of(id, reader, size, paging.offset(size))
    here = site()
    found = [shapes.post(row, here) for row in rows]
    path = f"/api/v1/users/{id}/posts/"
    page = collection("posts", found, count=count, page=paging.page, size=size, path=path)
    return page | {"comment_count": comment_count}


@api.get("/posts/<int:id>/comments/")
@needs(strangers=True, gives=shapes.Comments, refuses=(404,), fed=("auth",))
def comments_of(id: int, paging: Paging) -> Any:
    """The comments of a post, oldest first."""
    size = settings.comments_per_page
    rows, count = queries.comments_of(id, size, paging.offset(size))
    here = site()
    found = [shapes.comment(row, here) for row in rows]
    path = f"/api/v1/posts/{id}/comments/"
    return collection("comments", found, count=count, page=paging.page, size=size, path=path)


def commented(id: int) -> Answer:
    shown = shapes.comment(queries.comment(id), site())
    return created(shown, at=shown["url"], instead=shown["disabled"])


@api.post("/posts/<int:id>/comments/")
@needs(COMMENT, gives=shapes.Comment, status=201, refuses=(404,), first=queries.post_exists, again=commented)
def comment_on(author: Actor, id: int, remark: shapes.Remark) -> Answer:
    """Comment on a post."""
    return commented(commands.comment(author, id, remark.body).id)


@api.get("/comments/")
@needs(gives=shapes.Comments, fed=("auth",))
def comments(reader: Actor, asked: shapes.Moderation) -> Any:
    """All comments, newest first; `moderate=true` is for moderators."""
    if asked.moderate and not reader.can(MODERATE):
        raise NotAllowed
    size = settings.comments_per_page
    rows, count = queries.comments(size, asked.offset(size))
    here = site()
    found = [shapes.comment(row, here, asked.moderate) for row in rows]
    query = "moderate=true" if asked.moderate else ""
    path = "/api/v1/comments/"
    return collection("comments", found, count=count, page=asked.page, size=size, path=path, asked=query)


@api.get("/comments/<int:id>")
@needs(gives=shapes.Comment, refuses=(404,), fed=("auth",), tagged=True)
def comment(id: int) -> Answer:
    """One comment."""
    return tagged_comment(queries.comment(id))


@api.put("/comments/<int:id>")
@needs(COMMENT, gives=shapes.Comment, refuses=(404, 409), first=queries.may_edit_comment, tagged=True)
def edit_comment(id: int, remark: shapes.Remark) -> Answer:
    """Change a comment's text; its author, or an administrator."""
    commands.edit_comment(id, remark.replacement, expected_versions())
    return tagged_comment(queries.comment(id))


@api.delete("/comments/<int:id>")
@needs(status=204, refuses=(404, 409), first=queries.may_remove_comment, tagged=True)
def remove_comment(id: int) -> Answer:
    """Remove a comment; its author, a moderator or an administrator."""
    commands.remove_comment(id, expected_versions())
    return no_content()


@api.put("/comments/<int:id>/disabled")
@needs(MODERATE, gives=shapes.Comment, refuses=(404, 409), first=queries.comment_exists, tagged=True)
def disable(moderator: Actor, id: int) -> Answer:
    """Hide a comment's text from everybody."""
    commands.moderate(moderator, id, disabled=True, expected=expected_versions())
    return tagged_comment(queries.comment(id))


@api.delete("/comments/<int:id>/disabled")
@needs(MODERATE, gives=shapes.Comment, refuses=(404, 409), first=queries.comment_exists, tagged=True)
def enable(moderator: Actor, id: int) -> Answer:
    """Show a comment's text again."""
    commands.moderate(moderator, id, disabled=False, expected=expected_versions())
    return tagged_comment(queries.comment(id))


@api.post("/preview")
@needs(gives=shapes.Rendered)
def preview(preview: shapes.Preview) -> Any:
    """What a text will look like; nothing is kept."""
    render = markup.post if preview.kind == "post" else markup.comment
    return {"body_html": render(preview.body)}


def tagged(row: Any) -> Answer:
    """A post with its tag."""
    versions = row["version"], row["comment_count_version"], row["person_version"] or 0
    return with_tag(shapes.post(row, site()), versions)


def tagged_comment(row: Any) -> Answer:
    """A comment with its tag."""
    return with_tag(shapes.comment(row, site()), (row["version"], row["person_version"] or 0))


def with_tag(shown: Any, versions: tuple[int, ...]) -> Answer:
    """With the tag of exactly this state; the tag's first number is the text's version, for `If-Match`."""
    tag = ".".join(map(str, versions))
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, no-cache"}
    if request.method in ("GET", "HEAD") and request.if_none_match.contains_weak(tag):
        return Answer(status=304, headers=headers)
    return Answer(shown, headers=headers)


def expected_versions() -> set[int] | None:
    """The versions of which the caller has read one, if the request says so."""
    if "If-Match" not in request.headers or request.if_match.star_tag:
        return None
    numbers = (tag.partition(".")[0] for tag in request.if_match.as_set(include_weak=True))
    return {int(number) for number in numbers if number.isdecimal() and len(number) < DIGITS}
