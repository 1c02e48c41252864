"""Copies of posts as they come. Every post passes here: few statements, and no objects."""

from typing import Any

import sqlalchemy as sa

from chassis.tables import Timestamp

from ..models import Person, db
from .keeping import BLANK_CARD, EXPECT, Count

HOLD = sa.select(Person.removed).where(Person.id == sa.bindparam("id")).with_for_update()
KEEP = sa.text(
    "INSERT INTO cards (id, author_id, version, body, body_html, published_at, edited_at, removed)"
    " VALUES (:id, :author_id, :version, :body, :body_html, :published_at, :edited_at, :removed)"
    " ON CONFLICT (id) DO UPDATE SET author_id = excluded.author_id, version = excluded.version,"
    " body = excluded.body, body_html = excluded.body_html, published_at = excluded.published_at,"
    " edited_at = excluded.edited_at, removed = excluded.removed WHERE cards.version <= excluded.version"
).bindparams(
    sa.bindparam("published_at", type_=Timestamp),
    sa.bindparam("edited_at", type_=Timestamp),
    sa.bindparam("removed", type_=sa.Boolean),
)
COUNT_COMMENTS = sa.text(
    "UPDATE cards SET comment_count = :n, comment_count_version = :version"
    " WHERE id = :id AND comment_count_version <= :version"
)
AUTHOR = sa.text(
    "UPDATE people SET (latest_at, latest_id) = (SELECT published_at, id FROM cards"
    " WHERE author_id = :author AND published_at IS NOT NULL ORDER BY published_at DESC, id DESC LIMIT 1),"
    " post_count = CASE WHEN post_count_version <= :version THEN :n ELSE post_count END,"
    " post_count_version = CASE WHEN post_count_version <= :version THEN :version ELSE post_count_version END"
    " WHERE id = :author"
)


def keep_card(id: int, author: int, version: int, posts: Count, comments: Count, **known: Any) -> None:
    """Takes over what posts says of a post and its author's number of posts, unless newer is known.

    Of a text by somebody who is gone nothing is kept, however late it comes.
    """
    told = BLANK_CARD if is_gone(author) else known | {"removed": False}
    db.session.execute(KEEP, {"id": id, "author_id": author, "version": version} | told)
    db.session.execute(COUNT_COMMENTS, {"id": id} | comments._asdict())
    db.session.execute(AUTHOR, {"author": author} | posts._asdict())


def remove_card(id: int, author: int, version: int, posts: Count) -> None:
    """Keeps nothing of a post but a tombstone, which a late "published" cannot bring back."""
    is_gone(author)
    db.session.execute(KEEP, {"id": id, "author_id": author, "version": version} | BLANK_CARD)
    db.session.execute(AUTHOR, {"author": author} | posts._asdict())


def is_gone(author: int) -> bool:
    """Whether an author's account is closed. They are locked, and noted if nothing was known of them yet."""
    removed = db.session.scalar(HOLD, {"id": author})
    if removed is None:
        db.session.execute(EXPECT[Person], {"id": author})
        removed = db.session.scalar(HOLD, {"id": author})
    return bool(removed)
