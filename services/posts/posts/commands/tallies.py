"""Numbers that are kept instead of counted, moved within the transaction of what they count.

Always in one order, so that two at once never block each other: totals of posts, then of comments, then each
person's comments by their ids, then a person's posts.
"""

import random

import sqlalchemy as sa

from ..models import Count, Post, db

SHARDS = 8
INTO = "INSERT INTO tallies (kind, subject, shard, n, version) VALUES"
MOVED = (
    " ON CONFLICT (kind, subject, shard)"
    " DO UPDATE SET n = tallies.n + excluded.n, version = tallies.version + 1 RETURNING kind, n, version"
)
BUMP = sa.text(f"{INTO} (:kind, :subject, :shard, :by, 1){MOVED}")
BUMP_POSTS = sa.text(f"{INTO} ('posts', 0, :shard, :by, 1), ('posts_of', :author, 0, :by, 1){MOVED}")


def bump(kind: str, subject: int, by: int, shard: int = 0) -> Count:
    """Moves a tally; returns its new number and version."""
    [moved] = db.taken(BUMP, {"kind": kind, "subject": subject, "shard": shard, "by": by})
    return Count(moved["n"], moved["version"])


def bump_total(kind: str, by: int) -> None:
    bump(kind, 0, by, random.randrange(SHARDS))


def bump_posts(author: int, by: int) -> Count:
    """Moves the total of posts and, in the same statement, that of one author; returns the author's."""
    rows = db.taken(BUMP_POSTS, {"author": author, "shard": random.randrange(SHARDS), "by": by})
    return next(Count(row["n"], row["version"]) for row in rows if row["kind"] == "posts_of")


def recount(post: Post, by: int) -> None:
    """The post is locked: its number of comments and that number's version move together."""
    post.comment_count += by
    post.comment_count_version += 1
    bump_total("comments", by)
