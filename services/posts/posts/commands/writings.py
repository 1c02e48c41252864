"""Posts and comments: writing, changing, moderating and removing them."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from chassis.events import now
from chassis.problems import Conflict, Invalid, NotFound
from chassis.reading import Locking
from chassis.tables import Timestamp
from chassis.tokens import Actor

from .. import events
from ..models import LIVE_COMMENTS, Comment, Post, db
from .people import meet
from .tallies import bump, bump_posts, bump_total, recount

Versions = Collection[int] | None
PUBLISH = Locking(
    "INSERT INTO posts (author_id, body, body_html, published_at, version, comment_count,"
    " comment_count_version) SELECT :author_id, :body, :body_html, :published_at, 1, 0, 0"
    " FROM people WHERE id = :author_id AND NOT removed FOR SHARE RETURNING id"
).bindparams(sa.bindparam("published_at", type_=Timestamp))


def publish(author: Actor, body: str | None) -> int:
    """Publishes a post; returns its id. Raises `Invalid` without a text, `Unauthenticated` for somebody who
    is gone: their row stays locked, shared, so what is written is there for whoever forgets them.
    """
    post = Post(author_id=author.id, published_at=now(), version=1, comment_count=0, comment_count_version=0)
    post.write(said(body, "post does not have a body"))
    row = {name: getattr(post, name) for name in ("author_id", "body", "body_html", "published_at")}
    made = db.taken(PUBLISH, row)
    if not made:
        meet(author)
        made = db.taken(PUBLISH, row)
    post.id = made[0]["id"]
    events.post_published(post, bump_posts(author.id, 1))
    db.session.commit()
    return post.id


def edit(id: int, body: str | None, expected: Versions = None) -> None:
    """Changes a post's text; without one it stays. Raises `Conflict` when the version is none of the
    expected ones.
    """
    post = held(Post, id)
    as_expected(post, expected)
    if body is not None:
        post.write(said(body, "post does not have a body"))
        post.edited_at, post.version = now(), post.version + 1
        events.post_edited(post, bump("posts_of", post.author_id, 0))
    db.session.commit()


def remove(id: int, expected: Versions = None) -> None:
    """Removes a post with its comments, and leaves tombstones. Raises `Conflict` as `edit` does."""
    post = held(Post, id)
    as_expected(post, expected)
    post.removed_at, post.version = now(), post.version + 1
    post.body = post.body_html = ""
    authors = comment_authors(id)
    gone = sa.update(Comment).where(Comment.post_id == id, LIVE_COMMENTS)
    change = {"removed_at": now(), "version": Comment.version + 1, "body": "", "body_html": ""}
    counted: Any = db.session.execute(gone.values(change).execution_options(synchronize_session=False))
    bump_total("posts", -1)
    bump_total("comments", -counted.rowcount)
    for author, number in authors:
        bump("comments_of", author, -number)
    events.post_removed(post, bump("posts_of", post.author_id, -1))
    db.session.commit()


def comment(author: Actor, post_id: int, body: str | None) -> Comment:
    """Publishes a comment on a post. Raises `Invalid` without a text, `NotFound` when the post is gone."""
    remark = Comment(post_id=post_id, author_id=author.id, published_at=now(), version=1, disabled=False)
    remark.write(said(body, "comment does not have a body"))
    meet(author)
    post = held(Post, post_id)
    db.session.add(remark)
    db.session.flush()
    recount(post, 1)
    bump("comments_of", author.id, 1)
    events.comment_published(remark, post)
    db.session.commit()
    return remark


def edit_comment(id: int, body: str | None, expected: Versions = None) -> None:
    """Changes a comment's text; without one it stays. Raises `Conflict` as `edit` does."""
    remark, post = held_comment(id)
    as_expected(remark, expected)
    if body is not None:
        remark.write(said(body, "comment does not have a body"))
        remark.version += 1
        events.comment_moderated(remark, post)
    db.session.commit()


def moderate(moderator: Actor, id: int, disabled: bool, expected: Versions = None) -> None:
    """Hides a comment, or shows it again. The same twice changes nothing. Raises `Conflict` as `edit`."""
    remark, post = held_comment(id)
    as_expected(remark, expected)
    if remark.disabled != disabled:
        remark.disabled, remark.version = disabled, remark.version + 1
        events.comment_moderated(remark, post)
        events.comment_judged(remark, moderator.id)
    db.session.commit()


def remove_comment(id: int, expected: Versions = None) -> None:
    """Removes a comment and leaves a tombstone. Raises `Conflict` as `edit` does."""
    remark, post = held_comment(id)
    as_expected(remark, expected)
    remark.removed_at, remark.version = now(), remark.version + 1
    remark.body = remark.body_html = ""
    recount(post, -1)
    bump("comments_of", remark.author_id, -1)
    events.comment_removed(remark, post)
    db.session.commit()


def said(body: str | None, otherwise: str) -> str:
    """The text, unless there is none: white space only is empty."""
    if body is None or not body.strip():
        raise Invalid(otherwise, errors=[{"field": "body", "message": otherwise}])
    return body


def as_expected(row: Post | Comment, versions: Versions) -> None:
    """Raises `Conflict` when none of these is its version; whoever names none has the last word."""
    if versions is not None and row.version not in versions:
        raise Conflict


def comment_authors(post: int) -> list[tuple[int, int]]:
    """Who has commented on a post, and how often; always in one order, so that two never block."""
    live = (Comment.post_id == post, LIVE_COMMENTS)
    counted = sa.select(Comment.author_id, sa.func.count()).where(*live).group_by(Comment.author_id)
    return [(row[0], row[1]) for row in db.session.execute(counted.order_by(Comment.author_id))]


def held(model: type[Any], id: int) -> Any:
    """The row, locked until the end of the transaction. Raises `NotFound` for none and for a removed one."""
    row = db.session.get(model, id, with_for_update=True, populate_existing=True)
    if row is None or row.removed_at is not None:
        raise NotFound
    return row


def held_comment(id: int) -> tuple[Comment, Post]:
    """A comment and its post, always locked in the order post, comment, so that two at once cannot block
    each other.
    """
    remark = db.session.get(Comment, id)
    if remark is None:
        raise NotFound
    post = held(Post, remark.post_id)
    return held(Comment, id), post
