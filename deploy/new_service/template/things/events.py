"""Every event that things publishes, and the current state of everything for those who need it again."""

import sqlalchemy as sa

from chassis import outbox
from chassis.events import Event
from chassis.shapes import Moment, Shape
from chassis.snapshots import number

from .models import Thing, db

THING_MADE = "things.thing_made.v1"


class ThingState(Shape):
    """A thing as it now is."""

    id: int
    owner_id: int
    name: str
    made_at: Moment


PUBLISHES = {THING_MADE: ThingState}
# Nobody listens yet. Whoever begins to takes it out of here; otherwise a lost queue would go unnoticed.
UNHEARD = {THING_MADE}


def thing_made(thing: Thing) -> None:
    outbox.add(THING_MADE, thing.id, thing.version, ThingState.model_validate(thing))


def things_now(after: str, limit: int) -> list[Event]:
    """A page of all things as they now are."""
    query = sa.select(Thing).where(Thing.id > number(after)).order_by(Thing.id).limit(limit)
    found = [thing for (thing,) in db.objects(query)]
    return [
        outbox.event(THING_MADE, each.id, each.version, ThingState.model_validate(each)) for each in found
    ]


SNAPSHOTS = {THING_MADE: things_now}
