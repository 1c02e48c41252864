"""Follows, and the copies of people and posts.

Locks are taken in one order: people by id, then a follow or a card. What consumers call does not commit: the
effect of an event and its row in the inbox are one transaction.
"""

from typing import Any, NamedTuple

import sqlalchemy as sa

from chassis.events import now
from chassis.problems import Conflict, NotFound, Unauthenticated
from chassis.tokens import Actor

from .. import events
from ..models import Card, Follow, Person, db


def counted(whose: Any) -> sa.ScalarSelect[int]:
    """A person's active follows, for comparing with what is kept."""
    ties = sa.select(sa.func.count()).where(whose == Person.id, Follow.active)
    return ties.correlate(Person).scalar_subquery()


MEET = sa.text(
    "INSERT INTO people (id, username, avatar_hash) VALUES (:id, :username, :avatar)"
    " ON CONFLICT (id) DO NOTHING"
)
EXPECT = {
    Person: sa.text("INSERT INTO people (id) VALUES (:id) ON CONFLICT (id) DO NOTHING"),
    Card: sa.text("INSERT INTO cards (id) VALUES (:id) ON CONFLICT (id) DO NOTHING"),
}
SET_LATEST = (
    "UPDATE people SET (latest_at, latest_id) = (SELECT published_at, id FROM cards"
    " WHERE author_id = :author AND published_at IS NOT NULL ORDER BY published_at DESC, id DESC LIMIT 1)"
)
LATEST = sa.text(f"{SET_LATEST} WHERE id = :author")
NEWEST = (
    sa.select(Card)
    .where(Card.author_id == Person.id, Card.published_at.is_not(None))
    .order_by(Card.published_at.desc(), Card.id.desc())
    .limit(1)
    .correlate(Person)
)
COUNTED: dict[str, sa.ScalarSelect[Any]] = {
    "follower_count": counted(Follow.followed_id),
    "following_count": counted(Follow.follower_id),
    "latest_at": NEWEST.with_only_columns(Card.published_at).scalar_subquery(),
    "latest_id": NEWEST.with_only_columns(Card.id).scalar_subquery(),
}
BLANK_CARD = {"body": None, "body_html": None, "published_at": None, "edited_at": None, "removed": True}
ALWAYS_THERE = "your own posts are in your timeline anyway."
ONESELF = f"You cannot follow yourself: {ALWAYS_THERE}"
STILL_ONESELF = f"You do not follow yourself, so there is nothing to stop: {ALWAYS_THERE}"


class Count(NamedTuple):
    """A number that somebody else keeps, with the version of that number."""

    n: int
    version: int


def follow(follower: Actor, id: int) -> bool:
    """Starts following somebody; tells whether that is new.

    Raises `NotFound` for nobody, `Conflict` for oneself.
    """
    not_oneself(follower, id, ONESELF)
    meet(follower)
    follows, followed = both(follower, id)
    tie = db.session.get(Follow, (follower.id, id))
    new = tie is None or not tie.active
    if new:
        tie = tie or Follow(follower_id=follower.id, followed_id=id)
        tie.begin(now())
        db.session.add(tie)
        follows.following_count += 1
        followed.follower_count += 1
        events.user_followed(tie)
    db.session.commit()
    return new


def unfollow(follower: Actor, id: int) -> None:
    """Stops following somebody. Raises `NotFound` for nobody, `Conflict` for oneself."""
    not_oneself(follower, id, STILL_ONESELF)
    meet(follower)
    follows, followed = both(follower, id)
    tie = db.session.get(Follow, (follower.id, id))
    if tie is not None and tie.active:
        tie.end()
        follows.following_count -= 1
        followed.follower_count -= 1
        events.user_unfollowed(tie)
    db.session.commit()


def not_oneself(actor: Actor, id: int, sentence: str) -> None:
    if actor.id == id:
        raise Conflict(sentence)


def meet(actor: Actor) -> None:
    """Somebody may follow before the event that tells of them has come; their token tells enough."""
    db.change(MEET, {"id": actor.id, "username": actor.username, "avatar": actor.avatar})


def both(actor: Actor, id: int) -> tuple[Person, Person]:
    """The actor and somebody else, locked. A follow changes only under both locks: fifty at once are one."""
    people = {person.id: person for person in locked(Person.id.in_((actor.id, id))) if not person.removed}
    if actor.id not in people:
        raise Unauthenticated
    if id not in people:
        raise NotFound
    return people[actor.id], people[id]


def locked(which: sa.ColumnElement[bool]) -> list[Person]:
    """People, locked in the order of their ids so that two at once cannot block each other."""
    query = sa.select(Person).where(which).order_by(Person.id).with_for_update()
    return list(db.session.scalars(query.execution_options(populate_existing=True)))


def held(model: type[Any], id: int) -> Any:
    """The row, locked; one without any state (version 0) is made if need be."""
    db.change(EXPECT[model], {"id": id})
    return db.session.get(model, id, with_for_update=True)


def hold(id: int) -> None:
    """Locks a person: while that lasts, nothing that is counted of them changes."""
    locked(Person.id == id)


def keep_person(id: int, version: int, **known: Any) -> None:
    """Takes over what auth says of a person, unless something newer is known."""
    held(Person, id).keep(version, known)


def hold_with_ties(id: int) -> None:
    """Locks a person and everybody whose numbers change when their follows end."""
    db.change(EXPECT[Person], {"id": id})
    locked(sa.or_(Person.id == id, Person.id.in_(followed_by(id)), Person.id.in_(followers_of(id))))


def drop_person(id: int) -> None:
    """Removes somebody of whom auth knows nothing, who are locked with their ties."""
    person = held(Person, id)
    end_follows(person)
    db.session.delete(person)


def followed_by(id: int) -> sa.Select:  # type: ignore[type-arg]
    return sa.select(Follow.followed_id).where(Follow.follower_id == id, Follow.active)


def followers_of(id: int) -> sa.Select:  # type: ignore[type-arg]
    return sa.select(Follow.follower_id).where(Follow.followed_id == id, Follow.active)


def end_follows(person: Person) -> None:
    """All at once, however many they are."""
    fewer_followers = {"follower_count": Person.follower_count - 1}
    fewer_followed = {"following_count": Person.following_count - 1}
    theirs = sa.or_(Follow.follower_id == person.id, Follow.followed_id == person.id), Follow.active
    for change in (
        sa.update(Person).where(Person.id.in_(followed_by(person.id))).values(fewer_followers),
        sa.update(Person).where(Person.id.in_(followers_of(person.id))).values(fewer_followed),
        sa.update(Follow).where(*theirs).values(active=False, version=Follow.version + 1),
    ):
        db.session.execute(change.execution_options(synchronize_session=False))
    person.follower_count = person.following_count = 0


def hold_author(card: int, author: int | None) -> None:
    """Locks who is locked before a card: the author whom posts names, else the one on the card."""
    author = author or db.session.scalar(sa.select(Card.author_id).where(Card.id == card))
    if author is not None:
        held(Person, author)


def drop_card(id: int) -> None:
    """Removes a card of a post of which posts knows nothing; its author is locked."""
    card = held(Card, id)
    db.session.delete(card)
    if card.author_id is not None:
        find_latest(card.author_id)


def keep_post_count(author: int, posts: Count) -> None:
    """Notes a person's number of posts, unless newer is known."""
    held(Person, author).keep_post_count(*posts)


def find_latest(author: int) -> None:
    """Notes the author's newest post, always from the index. The author is locked: no other post slips by."""
    db.change(LATEST, {"author": author})


def count_comments(id: int, comments: Count) -> None:
    """Notes a post's number of comments, also of a post of which nothing else has arrived yet."""
    held(Card, id).keep_comment_count(*comments)
