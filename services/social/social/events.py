"""Every event that social publishes, and the current state of everything for those who need it again."""

import sqlalchemy as sa
from pydantic import BaseModel

from chassis import outbox
from chassis.events import Event
from chassis.shapes import Moment, Shape
from chassis.snapshots import number

from .models import Follow, Person, db

USER_FOLLOWED = "social.user_followed.v1"
USER_UNFOLLOWED = "social.user_unfollowed.v1"
USER_FORGOTTEN = "social.user_forgotten.v1"


class FollowState(Shape):
    """Who follows whom, or no longer does; since when (an ended one: since when it had been so)."""

    follower_id: int
    followed_id: int
    since: Moment


class PersonForgotten(Shape):
    """Of this person, whose account is gone, there is nothing here any more."""

    id: int


PUBLISHES: dict[str, type[BaseModel]] = {
    USER_FOLLOWED: FollowState,
    USER_UNFOLLOWED: FollowState,
    USER_FORGOTTEN: PersonForgotten,
}
UNHEARD = frozenset((USER_FOLLOWED, USER_UNFOLLOWED))
"""Nobody listens to these yet; a test takes a type out of here as soon as an agreement names it."""


def user_followed(tie: Follow) -> None:
    outbox.add(USER_FOLLOWED, subject(tie), tie.version, FollowState.model_validate(tie))


def user_unfollowed(tie: Follow) -> None:
    outbox.add(USER_UNFOLLOWED, subject(tie), tie.version, FollowState.model_validate(tie))


def user_forgotten(person: Person) -> None:
    """Said again whenever it is asked again."""
    outbox.add(USER_FORGOTTEN, person.id, person.version, PersonForgotten(id=person.id))


def subject(tie: Follow) -> str:
    return f"{tie.follower_id}:{tie.followed_id}"


def follows_now(after: str, limit: int) -> list[Event]:
    """A page of all follows as they now are, ended ones as ended."""
    key, last = sa.tuple_(Follow.follower_id, Follow.followed_id), sa.tuple_(*map(number, pair(after)))
    query = sa.select(Follow).where(key > last).order_by(Follow.follower_id, Follow.followed_id).limit(limit)
    return [_follow_now(row.Follow) for row in db.objects(query)]


def pair(subject: str) -> tuple[str, str]:
    follower, _, followed = subject.partition(":")
    return follower, followed


def _follow_now(tie: Follow) -> Event:
    type = USER_FOLLOWED if tie.active else USER_UNFOLLOWED
    return outbox.event(type, subject(tie), tie.version, FollowState.model_validate(tie))


SNAPSHOTS = {USER_FOLLOWED: follows_now}
