"""Tables of social, and rules that need only one row."""

from datetime import datetime
from enum import IntFlag
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.database import Database
from chassis.tables import BigId, Timestamp

db = Database()


class Permission(IntFlag):
    """The bits of a role that matter here; auth decides who holds them."""

    FOLLOW = 1


class Person(db.Model):
    """A copy of what auth says of a person, and what is kept of them here. Version 0: known from a token or a
    card only, the event is still on its way. Somebody who is `removed` and not yet forgotten has follows and
    cards that are being erased.
    """

    __tablename__ = "people"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    username: Mapped[str | None] = mapped_column(sa.String(64))
    name: Mapped[str | None] = mapped_column(sa.String(64))
    avatar_hash: Mapped[str | None] = mapped_column(sa.String(64))
    version: Mapped[int] = mapped_column(BigId, server_default="0")
    removed: Mapped[bool] = mapped_column(server_default=sa.false())
    forgotten_at: Mapped[datetime | None] = mapped_column(Timestamp)
    post_count: Mapped[int] = mapped_column(BigId, server_default="0")
    post_count_version: Mapped[int] = mapped_column(BigId, server_default="0")
    latest_at: Mapped[datetime | None] = mapped_column(Timestamp)
    latest_id: Mapped[int | None] = mapped_column(BigId)
    follower_count: Mapped[int] = mapped_column(BigId, server_default="0")
    following_count: Mapped[int] = mapped_column(BigId, server_default="0")

    def keep(self, version: int, known: dict[str, Any]) -> None:
        """Takes over what auth says, unless something newer is known."""
        if version >= self.version:
            self.version = version
            for field, value in known.items():
                setattr(self, field, value)

    def keep_post_count(self, count: int, version: int) -> None:
        if version >= self.post_count_version:
            self.post_count, self.post_count_version = count, version


class Follow(db.Model):
    """Who follows whom, and since when. An ended one stays, inactive, so that its versions go on growing."""

    __tablename__ = "follows"
    __table_args__ = (sa.CheckConstraint("follower_id <> followed_id", name="ck_follows_not_oneself"),)

    follower_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    followed_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    since: Mapped[datetime] = mapped_column(Timestamp)
    active: Mapped[bool]
    version: Mapped[int] = mapped_column(BigId)

    def begin(self, at: datetime) -> None:
        self.since, self.active, self.version = at, True, (self.version or 0) + 1

    def end(self) -> None:
        self.active, self.version = False, self.version + 1


class Card(db.Model):
    """What a timeline shows of a post, whole. `published_at` is empty while nothing but a number of comments
    has arrived (version 0), and again when the post is gone: such cards are not shown.
    """

    __tablename__ = "cards"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    author_id: Mapped[int | None] = mapped_column(BigId)
    body: Mapped[str | None] = mapped_column(sa.Text)
    body_html: Mapped[str | None] = mapped_column(sa.Text)
    published_at: Mapped[datetime | None] = mapped_column(Timestamp)
    edited_at: Mapped[datetime | None] = mapped_column(Timestamp)
    version: Mapped[int] = mapped_column(BigId, server_default="0")
    comment_count: Mapped[int] = mapped_column(BigId, server_default="0")
    comment_count_version: Mapped[int] = mapped_column(BigId, server_default="0")
    removed: Mapped[bool] = mapped_column(server_default=sa.false())

    def keep_comment_count(self, count: int, version: int) -> None:
        if version >= self.comment_count_version:
            self.comment_count, self.comment_count_version = count, version


OWNS = (Follow.version,)
"""The versions that are given out here."""

SHOWN = sa.text("published_at IS NOT NULL")
# As text: to SQLite SQLAlchemy would say "active = 1", which is not the condition of the indexes below.
ACTIVE = sa.text("active")
LEAVING = sa.text("removed AND forgotten_at IS NULL")


def index(name: str, where: sa.TextClause, *columns: sa.orm.InstrumentedAttribute) -> sa.Index:  # type: ignore[type-arg]
    return sa.Index(name, *columns, postgresql_where=where, sqlite_where=where)


index("ix_people_leaving", LEAVING, Person.id)
index("ix_cards_author", SHOWN, Card.author_id, Card.published_at, Card.id)
index("ix_follows_followers", ACTIVE, Follow.followed_id, Follow.since, Follow.follower_id)
index("ix_follows_following", ACTIVE, Follow.follower_id, Follow.since, Follow.followed_id)
