"""Every event that auth publishes, and the current state of everybody for those who need it again."""

import sqlalchemy as sa

from chassis import outbox
from chassis.events import Event
from chassis.shapes import Moment, Shape
from chassis.snapshots import number

from .models import User, db

USER_REGISTERED = "auth.user_registered.v1"
USER_CHANGED = "auth.user_changed.v1"


class UserState(Shape):
    """What everybody may know of a person. Never the e-mail address, of which only a digest is here."""

    id: int
    username: str
    name: str | None
    avatar_hash: str
    member_since: Moment


PUBLISHES = {USER_REGISTERED: UserState, USER_CHANGED: UserState}


def user_registered(user: User) -> None:
    outbox.add(USER_REGISTERED, user.id, user.version, UserState.model_validate(user))


def user_changed(user: User) -> None:
    outbox.add(USER_CHANGED, user.id, user.version, UserState.model_validate(user))


def users_now(after: str, limit: int) -> list[Event]:
    """A page of everybody as they now are."""
    query = sa.select(User).where(User.id > number(after)).order_by(User.id).limit(limit)
    users = (row.User for row in db.objects(query))
    return [
        outbox.event(USER_CHANGED, user.id, user.version, UserState.model_validate(user)) for user in users
    ]


SNAPSHOTS = {USER_CHANGED: users_now}
