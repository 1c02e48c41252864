"""Every event that social publishes, and the current state of everything for those who need it again."""

from collections.abc import Iterator

import sqlalchemy as sa

from chassis import outbox
from chassis.events import Event
from chassis.shapes import Moment, Shape

from .models import Follow, db

USER_FOLLOWED = "social.user_followed.v1"
USER_UNFOLLOWED = "social.user_unfollowed.v1"
BATCH = 500


class FollowState(Shape):
    """Who follows whom, or no longer does; since when (an ended one: since when it had been so)."""

    follower_id: int
    followed_id: int
    since: Moment


PUBLISHES = {USER_FOLLOWED: FollowState, USER_UNFOLLOWED: FollowState}
UNHEARD = frozenset(PUBLISHES)
"""Nobody listens to these yet; a test takes a type out of here as soon as an agreement names it."""


def user_followed(tie: Follow) -> None:
    outbox.add(USER_FOLLOWED, subject(tie), tie.version, FollowState.model_validate(tie))


def user_unfollowed(tie: Follow) -> None:
    outbox.add(USER_UNFOLLOWED, subject(tie), tie.version, FollowState.model_validate(tie))


def subject(tie: Follow) -> str:
    return f"{tie.follower_id}:{tie.followed_id}"


def follows_now() -> Iterator[Event]:
    """Every follow as it now is, ended ones as ended."""
    key = sa.tuple_(Follow.follower_id, Follow.followed_id)
    query = sa.select(Follow).order_by(Follow.follower_id, Follow.followed_id).limit(BATCH)
    last = (0, 0)
    while ties := db.session.scalars(query.where(key > sa.tuple_(*last))).all():
        for tie in ties:
            type = USER_FOLLOWED if tie.active else USER_UNFOLLOWED
            yield outbox.event(type, subject(tie), tie.version, FollowState.model_validate(tie))
        last = (ties[-1].follower_id, ties[-1].followed_id)
        db.session.rollback()


SNAPSHOTS = {USER_FOLLOWED: follows_now}
