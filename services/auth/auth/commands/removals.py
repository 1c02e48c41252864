"""Removing an account: a saga, whose state are rows. It may stop anywhere, come twice, and goes on once.

1. `remove`, one transaction: the account is closed, and everybody is told (`auth.user_removed.v1`). Then it
   is noted in the journal, which outlives a restored backup.
2. Each service erases what it holds and says so (`note_forgotten`); one that is silent is asked again.
3. When all have, auth erases its own rows and mails a receipt (`go_on_removing`, the worker's job).
"""

import logging
from collections.abc import Sequence, Set
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from chassis import forgetting
from chassis.events import now
from chassis.idempotency import STRANGERS
from chassis.problems import Conflict, NotAllowed
from chassis.tokens import Actor

from .. import events, journal, queries
from ..models import WAITING, Guesses, Kind, MailToken, Removal, Session, Tally, User, db
from . import guesses, log, mails
from .accounts import LAST, administers, as_seen, others_who_administer
from .factors import forget_factors
from .links import checked
from .rows import held
from .second import void_challenges
from .sessions import revoke

told = logging.getLogger(__name__)
OWN = "auth"
OTHERS = ("posts", "social")
PATIENCE = timedelta(seconds=30)
MANY = 1000  # at a time: PostgreSQL takes 65,535 values with a statement
RESTORE = 0  # by whom it was requested, if it was done before and only a backup has undone it
NOT_HERE = "Your own account is removed at /users/me, with your password."


def remove_me(owner: Actor, password: str, address: str, seen: Set[str] | None = None) -> None:
    """Removes the caller's account. Raises as `checked`, and `Conflict` as `administer`."""
    checked(owner, password, address, "password")
    close(owner.id, owner, seen)


def remove(id: int, administrator: Actor, seen: Set[str] | None = None) -> None:
    """Removes somebody else's account. Raises `NotFound`, `NotAllowed`, and `Conflict` as `administer`."""
    if id == administrator.id:
        raise NotAllowed(NOT_HERE)
    close(id, administrator, seen)


def close(id: int, by: Actor, seen: Set[str] | None = None) -> None:
    """The account ends now; the rest follows. Of two at once one is first, the other finds nobody."""
    others = others_who_administer(id)
    user, at = held(id), now()
    as_seen(user, seen)
    if administers(user) and not others:
        raise Conflict(LAST)
    end(user, by.id, at)
    log.note(Kind.REMOVED, id, by.id if by.id != id else None)
    db.session.commit()
    journal.note(id, at)


def end(user: User, by: int, at: datetime) -> None:
    """Within the transaction."""
    revoke(Session.user_id == user.id)
    mails.void_links(user.id)
    mails.forget_mails(user)
    void_challenges(user.id)
    user.close(at)
    asked = {"user_id": user.id, "requested_at": at, "requested_by": by, "asked_at": at}
    db.session.add_all(Removal(**asked, service=service) for service in (*OTHERS, OWN))
    db.session.execute(sa.update(Tally).where(Tally.kind == "users").values(n=Tally.n - 1))
    events.user_removed(user)


def remove_again(ids: Sequence[int]) -> None:
    """Whom a restored backup has brought back goes once more; nobody is written to for the second time.
    Called within the transaction of a restore.
    """
    at = now()
    for first in range(0, len(ids), MANY):
        back = (User.id.in_(ids[first : first + MANY]), User.removed_at.is_(None))
        found = sa.select(User).where(*back).execution_options(populate_existing=True)
        for user in db.session.scalars(found).all():
            end(user, RESTORE, at)


def note_forgotten(user_id: int, service: str, version: int) -> None:
    """A service has erased what it held. Saying it again changes nothing.

    It answers with the version that it was asked by. An older one is the answer to a removal that a restore
    has undone: since then the service itself may have been put back to when it held everything.
    """
    asked = sa.select(User.id).where(User.id == user_id, User.version <= version)
    part = (Removal.user_id.in_(asked), Removal.service == service, WAITING)
    db.session.execute(sa.update(Removal).where(*part).values(done_at=now()))


def go_on_removing() -> None:
    """The worker's job: what is ready is finished, who does not answer is asked again."""
    for id in queries.removals_ready():
        finish(id)
    for id in queries.removals_silent(now() - PATIENCE):
        ask_again(id)
    forgetting.settle_late(queries.FORGOTTEN)


def finish(id: int) -> None:
    """Erases a batch of what auth has said of somebody, or the rest of everything, and adds the receipt."""
    whole: dict[str, Any] = {"with_for_update": True, "populate_existing": True}
    part = db.session.get(Removal, (id, OWN), **whole)
    user = db.session.get_one(User, id, **whole)
    if part is not None and part.done_at is None and forgetting.forget(id):
        if part.requested_by != RESTORE:
            mails.send_receipt(user, part.requested_at)
        mails.forget_mails(user)
        forget_rows(user)
        user.erase()
        part.done_at = now()
        journal.note(id, part.requested_at)  # again: its process may have died before it could the first time
    db.session.commit()


def forget_rows(user: User) -> None:
    """Sessions, with their refresh tokens; links; second factors; tries of passwords; what the log tells of
    where and how; the answer to the registration.
    """
    tried, browsers = guesses.of_account(user.id, user.email)
    answers = db.idempotency_keys
    forget_factors(user.id)
    log.forget_in_log(user.id)
    for gone in (
        sa.delete(answers).where(answers.c.owner == STRANGERS, answers.c.subject == str(user.id)),
        sa.delete(Session).where(Session.user_id == user.id),
        sa.delete(MailToken).where(MailToken.user_id == user.id),
        sa.delete(Guesses).where(Guesses.key.in_(tried)),
        sa.delete(Guesses).where(Guesses.key.startswith(browsers)),
    ):
        db.session.execute(gone.execution_options(synchronize_session=False))


def ask_again(id: int) -> None:
    """Tells those once more who have not answered for a while: an event may be lost with its queue."""
    silent = (Removal.user_id == id, Removal.service != OWN, WAITING)
    parts = db.session.scalars(sa.select(Removal).where(*silent).with_for_update()).all()
    for part in parts:
        part.asked_at, part.asked = now(), part.asked + 1
    if parts:
        told.warning("a removal waits", extra={"user": id, "services": [part.service for part in parts]})
        events.user_removed(db.session.get_one(User, id))
    db.session.commit()
