"""Every event that auth publishes, and the current state of everybody for those who need it again."""

import sqlalchemy as sa
from pydantic import BaseModel

from chassis import outbox
from chassis.events import Event
from chassis.shapes import Moment, Shape
from chassis.snapshots import number

from .models import User, db

USER_REGISTERED = "auth.user_registered.v1"
USER_CHANGED = "auth.user_changed.v1"
USER_REMOVED = "auth.user_removed.v1"


class UserState(Shape):
    """What everybody may know of a person. Never the e-mail address, of which only a digest is here."""

    id: int
    username: str
    name: str | None
    avatar_hash: str
    member_since: Moment


class UserGone(Shape):
    """A removed account: everybody erases what they hold of this person, and says so."""

    id: int


PUBLISHES: dict[str, type[BaseModel]] = {
    USER_REGISTERED: UserState,
    USER_CHANGED: UserState,
    USER_REMOVED: UserGone,
}


def user_registered(user: User) -> None:
    outbox.add(USER_REGISTERED, user.id, user.version, UserState.model_validate(user), about=user.id)


def user_changed(user: User) -> None:
    outbox.add(USER_CHANGED, user.id, user.version, UserState.model_validate(user), about=user.id)


def user_removed(user: User) -> None:
    """Said again, with the same version, to whoever has not answered."""
    outbox.add(USER_REMOVED, user.id, user.version, UserGone(id=user.id))


def state_of(user: User) -> Event:
    if user.removed_at is not None:
        return outbox.event(USER_REMOVED, user.id, user.version, UserGone(id=user.id))
    return outbox.event(USER_CHANGED, user.id, user.version, UserState.model_validate(user), about=user.id)


def users_now(after: str, limit: int) -> list[Event]:
    """A page of everybody as they now are, removed ones as removed."""
    query = sa.select(User).where(User.id > number(after)).order_by(User.id).limit(limit)
    return [state_of(row.User) for row in db.objects(query)]


SNAPSHOTS = {USER_CHANGED: users_now}
