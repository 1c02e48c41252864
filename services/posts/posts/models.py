"""Tables of posts, and rules that need only one row."""

from datetime import datetime
from enum import IntFlag
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.database import Database
from chassis.tables import BigId, Timestamp

from . import markup

db = Database()


class Permission(IntFlag):
    """The bits of a role that matter here; auth decides who holds them."""

    COMMENT = 2
    WRITE = 4
    MODERATE = 8
    ADMIN = 16


class Person(db.Model):
    """A copy of what auth says of a person. Version 0: known from a token only, the event is still on its
    way. Somebody who is `removed` and not yet forgotten has writings that are being erased.
    """

    __tablename__ = "people"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    username: Mapped[str | None] = mapped_column(sa.String(64))
    name: Mapped[str | None] = mapped_column(sa.String(64))
    avatar_hash: Mapped[str | None] = mapped_column(sa.String(64))
    version: Mapped[int] = mapped_column(BigId, default=0)
    removed: Mapped[bool] = mapped_column(default=False)
    forgotten_at: Mapped[datetime | None] = mapped_column(Timestamp)


class Post(db.Model):
    """A post. Removed ones stay as tombstones without their text."""

    __tablename__ = "posts"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    author_id: Mapped[int] = mapped_column(BigId)
    body: Mapped[str] = mapped_column(sa.Text)
    body_html: Mapped[str] = mapped_column(sa.Text)
    published_at: Mapped[datetime] = mapped_column(Timestamp)
    edited_at: Mapped[datetime | None] = mapped_column(Timestamp)
    removed_at: Mapped[datetime | None] = mapped_column(Timestamp)
    version: Mapped[int] = mapped_column(BigId, default=1)
    comment_count: Mapped[int] = mapped_column(BigId, default=0)
    comment_count_version: Mapped[int] = mapped_column(BigId, default=0)

    def write(self, body: str) -> None:
        """Sets the text; what readers see is made here, once."""
        self.body, self.body_html = body, markup.post(body)


class Comment(db.Model):
    """A comment. Disabled ones keep their place; removed ones stay as tombstones without their text."""

    __tablename__ = "comments"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    post_id: Mapped[int] = mapped_column(BigId)
    author_id: Mapped[int] = mapped_column(BigId)
    body: Mapped[str] = mapped_column(sa.Text)
    body_html: Mapped[str] = mapped_column(sa.Text)
    published_at: Mapped[datetime] = mapped_column(Timestamp)
    removed_at: Mapped[datetime | None] = mapped_column(Timestamp)
    disabled: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(BigId, default=1)

    def write(self, body: str) -> None:
        self.body, self.body_html = body, markup.comment(body)


class Tally(db.Model):
    """A number that is kept instead of counted. Totals are spread over shards so that writers do not queue
    for one row.
    """

    __tablename__ = "tallies"

    kind: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    subject: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    shard: Mapped[int] = mapped_column(sa.SmallInteger, primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(BigId)
    version: Mapped[int] = mapped_column(BigId)


class Count(NamedTuple):
    """A tally, and the version of that number."""

    n: int
    version: int


OWNS = (Post.version, Post.comment_count_version, Comment.version, Tally.version)
"""The versions that are given out here."""

LIVE_POSTS = Post.removed_at.is_(None)
LIVE_COMMENTS = Comment.removed_at.is_(None)


def index(name: str, where: sa.ColumnElement[bool], *columns: sa.orm.InstrumentedAttribute) -> sa.Index:  # type: ignore[type-arg]
    return sa.Index(name, *columns, postgresql_where=where, sqlite_where=where)


LEAVING = sa.text("removed AND forgotten_at IS NULL")
sa.Index("ix_people_leaving", Person.id, postgresql_where=LEAVING, sqlite_where=LEAVING)
index("ix_posts_newest", LIVE_POSTS, Post.published_at, Post.id)
index("ix_posts_author", LIVE_POSTS, Post.author_id, Post.published_at, Post.id)
index("ix_comments_newest", LIVE_COMMENTS, Comment.published_at, Comment.id)
index("ix_comments_author", LIVE_COMMENTS, Comment.author_id, Comment.post_id, Comment.id)
index("ix_comments_post", LIVE_COMMENTS, Comment.post_id, Comment.published_at, Comment.id)
