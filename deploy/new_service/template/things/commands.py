"""Every write of things: one function, one transaction, its events inside."""

import sqlalchemy as sa

from chassis.events import now
from chassis.tokens import Actor

from . import events
from .models import Thing, db


def make(owner: Actor, name: str) -> Thing:
    """Makes a thing."""
    thing = Thing(owner_id=owner.id, name=name, made_at=now(), version=1)
    db.session.add(thing)
    db.session.flush()
    events.thing_made(thing)
    db.session.commit()
    return thing


def forget(owner_id: int) -> None:
    """Whoever is removed leaves nothing; the chassis commits, for this comes from an event."""
    db.session.execute(sa.delete(Thing).where(Thing.owner_id == owner_id))
