"""Copies of posts as they come. Every post passes here: few statements, and no objects."""

from typing import Any

import sqlalchemy as sa

from chassis.tables import Timestamp

from ..models import Person, db
from .keeping import BLANK_CARD, EXPECT, SET_LATEST, Count

HOLD = sa.select(Person.removed).where(Person.id == sa.bindparam("id")).with_for_update()
OF_POST = ("author_id", "body", "body_html", "published_at", "edited_at", "removed", "version")
OF_COMMENTS = ("comment_count", "comment_count_version")


def newer(columns: tuple[str, ...]) -> str:
    """These columns are taken over together, unless their version (the last of them) is an older one."""
    version = columns[-1]
    newest = f"CASE WHEN cards.{version} <= excluded.{version} THEN excluded.{{0}} ELSE cards.{{0}} END"
    return ", ".join(f"{column} = {newest.format(column)}" for column in columns)


INSERT = (
    "INSERT INTO cards (id, author_id, body, body_html, published_at, edited_at, removed, version,"
    " comment_count, comment_count_version) VALUES (:id, :author_id, :body, :body_html, :published_at,"
    " :edited_at, :removed, :version, :comment_count, :comment_count_version) ON CONFLICT (id) DO UPDATE SET"
)
KEEP = sa.text(f"{INSERT} {newer(OF_POST)}, {newer(OF_COMMENTS)}").bindparams(  # habit: the constants above
    sa.bindparam("published_at", type_=Timestamp),
    sa.bindparam("edited_at", type_=Timestamp),
    sa.bindparam("removed", type_=sa.Boolean),
)
AUTHOR = sa.text(
    f"{SET_LATEST}, post_count = CASE WHEN post_count_version <= :version THEN :n ELSE post_count END,"
    " post_count_version = CASE WHEN post_count_version <= :version THEN :version ELSE post_count_version END"
    " WHERE id = :author"
)


def keep_card(id: int, author: int, version: int, posts: Count, comments: Count, **known: Any) -> None:
    """Takes over what posts says of a post and its author's number of posts, unless newer is known.

    Of a text by somebody who is gone nothing is kept, however late it comes.
    """
    told = kept_of(author, known | {"removed": False})
    keep(id, author, version, comments, told)
    db.change(AUTHOR, {"author": author} | posts._asdict())


def kept_of(author: int, told: dict[str, Any]) -> dict[str, Any]:
    """What a card keeps of a post: nothing once its author is gone, even while posts still has it."""
    return told | BLANK_CARD if is_gone(author) else told


def remove_card(id: int, author: int, version: int, posts: Count) -> None:
    """Keeps nothing of a post but a tombstone, which a late "published" cannot bring back."""
    is_gone(author)
    keep(id, author, version, Count(0, 0), BLANK_CARD)
    db.change(AUTHOR, {"author": author} | posts._asdict())


def keep(id: int, author: int, version: int, comments: Count, told: dict[str, Any]) -> None:
    counted = {"comment_count": comments.n, "comment_count_version": comments.version}
    db.change(KEEP, {"id": id, "author_id": author, "version": version} | counted | told)


def is_gone(author: int) -> bool:
    """Whether an author's account is closed. They are locked, and noted if nothing was known of them yet."""
    rows = db.taken(HOLD, {"id": author})
    if not rows:
        db.change(EXPECT[Person], {"id": author})
        rows = db.taken(HOLD, {"id": author})
    return any(row["removed"] for row in rows)
