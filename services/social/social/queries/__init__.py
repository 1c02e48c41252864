"""Every read of social. One statement each; a second one only by primary key."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from chassis.database import Rows
from chassis.problems import NotFound
from chassis.tokens import Actor

from ..models import ACTIVE, LEAVING, Follow, Person, db
from .merging import PAGE_OF

READER_ID: sa.BindParameter[int] = sa.bindparam("reader")
PERSON_ID: sa.BindParameter[int] = sa.bindparam("person")


def _ties(whose: Any, whom: Any) -> sa.Select:  # type: ignore[type-arg]
    """One page of a person's ties, cut before names are looked up."""
    ties = (
        sa.select(whom.label("person_id"), Follow.since)
        .where(whose == PERSON_ID, ACTIVE)
        .order_by(Follow.since, whom)
        .limit(sa.bindparam("size"))
        .offset(sa.bindparam("offset"))
        .subquery("ties")
    )
    return (
        sa.select(ties, Person.username, Person.avatar_hash)
        .join(Person, Person.id == ties.c.person_id)
        .order_by(ties.c.since, ties.c.person_id)
    )


def _tie(follower: Any, followed: Any) -> Any:
    tie = sa.orm.aliased(Follow)
    return tie, sa.and_(tie.follower_id == follower, tie.followed_id == followed, tie.active)


MINE, I_FOLLOW = _tie(READER_ID, Person.id)
THEIRS, THEY_FOLLOW = _tie(Person.id, READER_ID)
PERSON = sa.select(Person.follower_count, Person.following_count).where(
    Person.id == PERSON_ID, Person.removed.is_(False)
)
FOLLOWERS = _ties(Follow.followed_id, Follow.follower_id)
FOLLOWING = _ties(Follow.follower_id, Follow.followed_id)
RELATIONSHIP = (
    PERSON.add_columns(
        Person.id.label("user_id"), MINE.since, THEIRS.follower_id.is_not(None).label("followed_by")
    )
    .select_from(Person)
    .outerjoin(MINE, I_FOLLOW)
    .outerjoin(THEIRS, THEY_FOLLOW)
)
LEAVERS = sa.select(Person.id).where(LEAVING).order_by(Person.id).limit(20)
FORGOTTEN = sa.select(Person.id).where(Person.removed, Person.forgotten_at.is_not(None))
NEW = {"follower_count": 0, "following_count": 0, "since": None, "followed_by": False}


def timeline(person: int, reader: Actor, size: int, offset: int) -> tuple[int, Rows]:
    """What a person follows, and their own: how many posts in all, and one page, newest first. Raises
    `NotFound` for nobody.
    """
    values = {"person": person, "size": size, "offset": offset, "reach": offset + size}
    rows = db.rows(PAGE_OF[db.engine.dialect.name], values)
    if not rows[0]["known"]:
        nobody_but(reader, person)
    return int(rows[0]["total"]), [row for row in rows if row["id"] is not None]


def followers(person: int, size: int, offset: int) -> Rows:
    """Who follows a person, longest first."""
    return db.rows(FOLLOWERS, {"person": person, "size": size, "offset": offset})


def following(person: int, size: int, offset: int) -> Rows:
    """Whom a person follows, longest first."""
    return db.rows(FOLLOWING, {"person": person, "size": size, "offset": offset})


def counts(person: int, reader: Actor) -> Mapping[str, Any]:
    """How many follow a person and are followed by them. Raises `NotFound` for nobody."""
    return db.row(PERSON, {"person": person}) or nobody_but(reader, person)


def relationship(reader: Actor, person: int) -> Mapping[str, Any]:
    """How the reader and a person stand to each other. Raises `NotFound` for nobody."""
    row = db.row(RELATIONSHIP, {"person": person, "reader": reader.id})
    return row or nobody_but(reader, person)


def leaving() -> list[int]:
    """Some people who are gone, and of whom there still is something."""
    return [row["id"] for row in db.rows(LEAVERS)]


def nobody_but(reader: Actor, person: int) -> Mapping[str, Any]:
    """Raises `NotFound`, except for the reader: they exist, even where the news of it is still on its way."""
    if person != reader.id:
        raise NotFound
    return NEW | {"user_id": person}
