"""Erasing somebody's posts and comments, a batch at a time. Numbers stay right after each."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from chassis.events import now

from .. import events
from ..models import LIVE_COMMENTS, LIVE_POSTS, Comment, Post, db
from .tallies import bump, bump_total

COMMENTS = 5  # so many for each post of a batch: they cost less
FEWER = (
    sa.update(Post.__table__)
    .where(Post.id == sa.bindparam("of"))
    .values(
        comment_count=Post.comment_count - sa.bindparam("fewer"),
        comment_count_version=Post.comment_count_version + 1,
    )
)


def some_posts(author: int, most: int) -> bool:
    """A batch of posts with the comments on them. Tells whether there were any.

    Where there are very many comments, a part of those goes first.
    """
    oldest = sa.select(Post).where(Post.author_id == author, LIVE_POSTS)
    oldest = oldest.order_by(Post.published_at, Post.id).limit(most).with_for_update()
    posts = db.session.scalars(oldest.execution_options(populate_existing=True)).all()
    if not posts:
        return False
    on_these = sa.select(Comment.id, Comment.post_id, Comment.author_id)
    on_these = on_these.where(Comment.post_id.in_([post.id for post in posts]), LIVE_COMMENTS)
    comments = db.session.execute(on_these.limit(most * COMMENTS + 1)).all()
    at, left = now(), len(comments) > most * COMMENTS
    bury_comments(comments, at)
    buried = [] if left else posts
    bump_total("posts", -len(buried))
    count_down(Counter(row.author_id for row in comments))
    count = bump("posts_of", author, -len(buried))
    for post in buried:
        post.removed_at, post.version = at, post.version + 1
        post.body = post.body_html = ""
        events.post_removed(post, count)
    return True


def bury_comments(comments: Sequence[Any], at: datetime) -> None:
    """They are tombstones now, without their text; their posts, which are locked, have fewer."""
    gone = {"removed_at": at, "version": Comment.version + 1, "body": "", "body_html": ""}
    change = sa.update(Comment).where(Comment.id.in_([row.id for row in comments])).values(gone)
    db.session.execute(change.execution_options(synchronize_session=False))
    fewer = Counter(row.post_id for row in comments)
    if fewer:
        numbers = [{"of": post, "fewer": number} for post, number in sorted(fewer.items())]
        db.session.connection().execute(FEWER, numbers)


def count_down(authors: Counter[int]) -> None:
    """So many comments of each are gone; in one order, so that two at once never block each other."""
    if authors:
        bump_total("comments", -authors.total())
    for author, number in sorted(authors.items()):
        bump("comments_of", author, -number)


def some_comments(author: int, most: int) -> bool:
    """A batch of comments on one post. Tells whether there were any."""
    theirs = sa.select(Comment).where(Comment.author_id == author, LIVE_COMMENTS)
    first = db.session.scalar(theirs.order_by(Comment.post_id, Comment.id).limit(1))
    if first is None:
        return False
    post = db.session.get_one(Post, first.post_id, with_for_update=True, populate_existing=True)
    chosen = theirs.where(Comment.post_id == post.id).order_by(Comment.id).limit(most)
    comments = db.session.scalars(chosen.execution_options(populate_existing=True)).all()
    at = now()
    for remark in comments:
        remark.removed_at, remark.version = at, remark.version + 1
        remark.body = remark.body_html = ""
        post.comment_count -= 1
        post.comment_count_version += 1
        events.comment_removed(remark, post)
    count_down(Counter({author: len(comments)}) if comments else Counter())
    return True
