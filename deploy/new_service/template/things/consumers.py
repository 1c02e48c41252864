"""Events in. Any may come twice, late, or before another."""

from chassis.events import Event
from chassis.inbox import Consumers
from chassis.shapes import Id, Shape

from . import commands

consumers = Consumers()


class PersonGone(Shape):
    id: Id


@consumers.on("auth.user_removed.v1", reads=PersonGone)
def forget(event: Event) -> None:
    commands.forget(event.data.id)
