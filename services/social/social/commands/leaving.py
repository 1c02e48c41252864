"""Forgetting those who are gone: their follows in both directions, and the cards of their posts.

It takes as many transactions as it needs, each small, and may stop and go on anywhere: what is left to do is
what is still there. The first is that of the event itself, and for most people the only one. When nothing is
left, everybody is told (`social.user_forgotten.v1`).
"""

import sqlalchemy as sa

from chassis import forgetting, pace
from chassis.events import now

from .. import events, queries
from ..models import ACTIVE, SHOWN, Card, Follow, Person, db
from .keeping import BLANK_CARD, find_latest, held, locked

ROWS = 200  # follows, and cards: at most, in one transaction
NOBODY = {"username": None, "name": None, "avatar_hash": None, "removed": True, "forgotten_at": None}


def forget_person(id: int, version: int) -> None:
    """Keeps nothing of a person but a tombstone. Asked again, it looks again.

    It says no event for each follow that ends, of which there may be very many: auth has said that the
    account is gone.
    """
    ties = some_ties(id, ROWS)
    locked(Person.id.in_({id, *(other for tie in ties for other in tie)}))
    person = held(Person, id)
    person.keep(version, NOBODY)
    if person.removed:
        end(ties)
        blank_some_cards(id, ROWS)
        find_latest(id)


def go_on_forgetting() -> None:
    """The worker's job: erases for some seconds; the next time it goes on."""
    pace.in_steps(queries.leaving(), forget_more, ROWS)
    forgetting.settle_late(queries.FORGOTTEN)


def forget_more(id: int, most: int = ROWS) -> bool:
    """One batch in one transaction. Tells whether there was one."""
    ties = some_ties(id, most)
    locked(Person.id.in_({id, *(other for tie in ties for other in tie)}))
    person = held(Person, id)
    leaving = person.removed and person.forgotten_at is None
    more = bool(leaving and (end(ties) + blank_some_cards(id, most)))
    find_latest(id)
    if leaving and not more and forgetting.forget(id):
        person.forgotten_at = now()
        events.user_forgotten(person)
    db.session.commit()
    return more


def some_ties(id: int, most: int) -> list[tuple[int, int]]:
    """Some follows of a person, by index: whom they follow first, then who follows them."""
    for side in (Follow.follower_id, Follow.followed_id):
        some = sa.select(Follow.follower_id, Follow.followed_id).where(side == id, ACTIVE).limit(most)
        if found := [(row[0], row[1]) for row in db.session.execute(some)]:
            return found
    return []


def end(ties: list[tuple[int, int]]) -> int:
    """Ends follows whose people are all locked, and counts them down on both sides. Tells how many."""
    chosen = sa.tuple_(Follow.follower_id, Follow.followed_id).in_(ties)
    found = db.session.scalars(sa.select(Follow).where(chosen, ACTIVE)).all() if ties else []
    for tie in found:
        tie.end()
        db.session.get_one(Person, tie.follower_id).following_count -= 1
        db.session.get_one(Person, tie.followed_id).follower_count -= 1
    return len(found)


def blank_some_cards(author: int, most: int) -> int:
    """The person is locked: no card of theirs is kept meanwhile. Tells how many."""
    some = sa.select(Card.id).where(Card.author_id == author, SHOWN).limit(most)
    ids = list(db.session.scalars(some.order_by(Card.published_at, Card.id)))
    if ids:
        change = sa.update(Card).where(Card.id.in_(ids)).values(BLANK_CARD)
        db.session.execute(change.execution_options(synchronize_session=False))
    return len(ids)
