"""Numbers that are kept instead of counted, moved within the transaction of what they count.

Always in one order, so that two at once never block each other: totals of posts, then of comments, then each
person's comments by their ids, then a person's posts.
"""

import random

import sqlalchemy as sa

from ..models import Post, db

SHARDS = 8
BUMP = sa.text(
    "INSERT INTO tallies (kind, subject, shard, n, version) VALUES (:kind, :subject, :shard, :by, 1)"
    " ON CONFLICT (kind, subject, shard) DO UPDATE SET n = tallies.n + :by, version = tallies.version + 1"
    " RETURNING n, version"
)


def bump(kind: str, subject: int, by: int, shard: int = 0) -> sa.Row:  # type: ignore[type-arg]
    """Moves a tally; returns its new number and version."""
    values = {"kind": kind, "subject": subject, "shard": shard, "by": by}
    return db.session.execute(BUMP, values).one()


def bump_total(kind: str, by: int) -> None:
    bump(kind, 0, by, random.randrange(SHARDS))


def recount(post: Post, by: int) -> None:
    """The post is locked: its number of comments and that number's version move together."""
    post.comment_count += by
    post.comment_count_version += 1
    bump_total("comments", by)
