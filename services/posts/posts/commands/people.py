"""People: the copy of what auth says of them, and forgetting those who are gone.

Forgetting takes as many transactions as it needs, each small, and may stop and go on anywhere: what is left
to do is what is still there. When nothing is left, everybody is told (`posts.user_forgotten.v1`).
"""

from typing import Any

import sqlalchemy as sa

from chassis import forgetting, pace
from chassis.events import now
from chassis.problems import Unauthenticated
from chassis.tokens import Actor

from .. import events, queries
from ..models import Person, db
from . import erasing

MEET = sa.text(
    "INSERT INTO people (id, username, avatar_hash, version, removed)"
    " VALUES (:id, :username, :avatar, 0, false) ON CONFLICT (id) DO NOTHING"
)
GONE = sa.select(Person.removed).where(Person.id == sa.bindparam("id")).with_for_update(read=True)
POSTS = 100  # at most, in one transaction


def meet(actor: Actor) -> None:
    """Somebody may write before the event that tells of them has come; their token tells enough.

    Raises `Unauthenticated` when the account is gone, whatever the token says. The row stays locked, shared:
    what is written now is there for whoever forgets this person, or is not written at all.
    """
    gone = is_gone(actor.id)
    if gone is None:
        db.change(MEET, {"id": actor.id, "username": actor.username, "avatar": actor.avatar})
        gone = is_gone(actor.id)
    if gone:
        raise Unauthenticated


def is_gone(id: int) -> bool | None:
    rows = db.taken(GONE, {"id": id})
    return rows[0]["removed"] if rows else None


def keep_person(id: int, version: int, **known: Any) -> None:
    """Takes over what auth says of a person, unless something newer is known."""
    person = db.session.get(Person, id, with_for_update=True)
    if person is None:  # or just now met by somebody who writes
        db.change(MEET, {"id": id, "username": known["username"], "avatar": known["avatar_hash"]})
        person = db.session.get_one(Person, id, with_for_update=True)
    if person.version <= version:
        person.version = version
        for name, value in known.items():
            setattr(person, name, value)


def forget_person(id: int, version: int) -> None:
    """A tombstone, which late news cannot bring back; the worker erases the rest. Asked again, it looks
    again.
    """
    blank = {"username": None, "name": None, "avatar_hash": None}
    keep_person(id, version, **blank, removed=True, forgotten_at=None)


def go_on_forgetting() -> None:
    """The worker's job: erases for some seconds; the next time it goes on."""
    pace.in_steps(queries.leaving(), forget_more, POSTS)
    forgetting.settle_late(queries.FORGOTTEN)


def forget_more(id: int, most: int = POSTS) -> bool:
    """One batch in one transaction: so many posts, or comments. Tells whether there was one."""
    person = db.session.get_one(Person, id, with_for_update=True, populate_existing=True)
    leaving = person.removed and person.forgotten_at is None
    more = leaving and (erasing.some_posts(id, most) or erasing.some_comments(id, most))
    if leaving and not more and forgetting.forget(id):
        person.forgotten_at = now()
        events.user_forgotten(person)
    db.session.commit()
    return more
