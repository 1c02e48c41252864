"""Events in: what auth says of people."""

from typing import Any

from chassis.audit import Copy
from chassis.events import Event
from chassis.inbox import Consumers
from chassis.shapes import Shape

from . import commands
from .models import Person

consumers = Consumers()


class PersonRead(Shape):
    id: int
    username: str
    name: str | None
    avatar_hash: str | None


class PersonGone(Shape):
    id: int


@consumers.on("auth.user_registered.v1", "auth.user_changed.v1", reads=PersonRead)
def keep_person(event: Event) -> None:
    person = event.data
    commands.keep_person(
        person.id,
        event.version,
        username=person.username,
        name=person.name,
        avatar_hash=person.avatar_hash,
        removed=False,
    )


@consumers.on("auth.user_removed.v1", reads=PersonGone)
def forget_person(event: Event) -> None:
    """Also when it is asked again: what was erased before is said once more."""
    commands.forget_person(event.data.id, event.version)


def person_of(event: Event) -> dict[str, Any]:
    """What a state of auth's says of a row; of a removed person, nothing but that."""
    known = {name: getattr(event.data, name, None) for name in ("username", "name", "avatar_hash")}
    return known | {"removed": isinstance(event.data, PersonGone), "version": event.version}


consumers.keeps(
    Copy(
        "people",
        of="auth.user_changed.v1",
        key=Person.id,
        parts={"version": ("username", "name", "avatar_hash", "removed")},
        as_row=person_of,
    )
)
