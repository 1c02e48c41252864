"""The audit log: who did what, when and from where, written in the transaction of what it tells of.

Only what this code names goes in: never a password, a token, a code, or what somebody typed.
"""

import json
from datetime import datetime

import sqlalchemy as sa

from chassis.events import now

from .. import origin
from ..models import Entry, Kind, db

ENTER = sa.text(
    "INSERT INTO audit (at, kind, user_id, actor_id, address, agent, detail)"
    " VALUES (:at, :kind, :user, :actor, :address, :agent, :detail)"
).bindparams(sa.bindparam("at", type_=Entry.at.type))
NOTED = sa.text(
    "SELECT id FROM audit WHERE at = :at AND kind = :kind AND user_id = :user AND detail IN (:detail, '{}')"
).bindparams(sa.bindparam("at", type_=Entry.at.type))


def note(kind: Kind, user: int | None, by: int | None = None, **detail: object) -> None:
    """Adds an entry to the transaction.

    Args:
        user: the account that it concerns; None if there is no such account.
        by: who did it, if not that person.
    """
    came = origin.current()
    entry = {"at": now(), "kind": kind.value, "user": user, "actor": by if by != user else None}
    db.change(ENTER, entry | came._asdict() | {"detail": json.dumps(detail)})


def note_moderation(comment: int, author: int, moderator: int, disabled: bool, at: datetime) -> None:
    """What another service tells of: a comment was hidden, or shown again. Told once more, however late, it
    is not noted once more: the inbox forgets after days, and a log has no versions. (Of somebody who was
    removed since, no detail is left.)
    """
    kind = (Kind.COMMENT_DISABLED if disabled else Kind.COMMENT_ENABLED).value
    entry = {"at": at, "kind": kind, "user": author, "detail": json.dumps({"comment": comment})}
    if not db.taken(NOTED, entry):
        actor = moderator if moderator != author else None
        db.change(ENTER, entry | {"actor": actor, "address": "", "agent": ""})


def forget_in_log(user: int) -> None:
    """Nothing that tells of a removed person stays: what they did and what was done to them remains, with a
    number that leads nowhere; addresses, programs and details go.
    """
    own = sa.or_(Entry.user_id == user, Entry.actor_id == user)
    blank = {"address": "", "agent": "", "detail": "{}"}
    db.session.execute(sa.update(Entry.__table__).where(own).values(blank))
