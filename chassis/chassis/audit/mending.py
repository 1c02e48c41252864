"""Repairing: one row, one short transaction, judged again under the row's lock."""

import logging
import time
from collections.abc import Iterable

import sqlalchemy as sa
from flask import current_app

from .. import freshness
from ..database import database
from ..events import Event
from ..metrics import DRIFT
from . import Copy, Counts, owners
from .looks import NEVER, Case, Look, differing, kept, row, wanted

log = logging.getLogger(__name__)
WAITS, STUCK = "waits", "stuck"


class NotMended(RuntimeError):
    """The owner's state was handled, and the row is still not as it should be."""


def arrived(look: Look) -> bool:
    """Whether everything that the owner had said before the look has had its effect here."""
    known = freshness.known().get(look.copy.owner)
    return known is not None and known >= look.as_of


def second(
    look: Look, *, repair: bool, patient: bool = True, seconds: float = float("inf")
) -> dict[int, str]:
    """Looks again at what looked wrong, and repairs what is. Returns by id: nothing, the kind of drift,
    `WAITS`, or `STUCK` for what the handler cannot repair. Raises `Unavailable`.

    Args:
        patient: what is behind may still be on its way; otherwise it is drift, whatever watermarks say.
        seconds: what is not reached by then waits for another call.
    """
    there = arrived(look) or not patient
    page = owners.page(look.copy, look.after, look.limit)
    found, deadline = {}, time.monotonic() + seconds
    for id in look.wrong:
        if time.monotonic() > deadline:
            found[id] = WAITS
        elif page.covers(id):
            found[id] = _settled(look, id, page.states.get(id), there, repair)
    return found


def _settled(look: Look, id: int, state: Event | None, there: bool, repair: bool) -> str:
    """One that cannot be repaired does not keep the others from it."""
    try:
        return _settle(look, id, state, there, repair)
    except sa.exc.SQLAlchemyError:
        raise
    except Exception:
        log.exception("a copy cannot be repaired", extra={"copy": look.copy.name, "subject": id})
        return STUCK


def _settle(look: Look, id: int, state: Event | None, there: bool, repair: bool) -> str:
    copy = look.copy
    try:
        if copy.holds:
            copy.holds(id, state)
        told = wanted(copy, look.states.get(id))
        case = Case(told, look.rows.get(id), kept(copy, state), row(copy, id), there)
        parts = differing(copy, case.later, case.found)
        drifted = [part for part in parts if case.is_drift(part)]
        if not drifted:
            return WAITS if any(case.waits(part) for part in parts) else ""
        kind = case.kind(drifted[0])
        if repair:
            _force(copy, id, state, drifted)
            database.session.commit()
        _tell(copy.name, kind, id, repair)
        return kind
    finally:
        database.session.rollback()
        database.session.remove()


def _force(copy: Copy, id: int, state: Event | None, parts: Iterable[str]) -> None:
    """Makes the row what the owner's state says, by the handler that keeps it."""
    here = copy.table.c[copy.key.key] == id
    if state is not None:
        outdated = dict.fromkeys(parts, NEVER)
        database.session.execute(sa.update(copy.table).where(here).values(outdated))
        database.session.expire_all()
        takes = copy.takes or current_app.extensions["consumers"][state.type].handler
        takes(state)
        database.session.flush()
    elif copy.absent is not None:
        database.session.execute(sa.update(copy.table).where(here).values(**copy.absent))
    elif copy.drops:
        copy.drops(id)
        database.session.flush()
    else:
        database.session.execute(sa.delete(copy.table).where(here))
    if set(differing(copy, kept(copy, state), row(copy, id))) & set(parts):
        raise NotMended(f"{copy.name} {id}")


def recount(counts: Counts, id: int, *, repair: bool) -> bool:
    """Counts again under the lock. Whether the row had kept another number."""
    here = counts.table.c[counts.key.key] == id
    counted = [statement.label(name) for name, statement in counts.counted.items()]
    columns = [counts.table.c[name] for name in counts.counted]
    try:
        counts.holds(id)
        database.session.flush()
        found = database.session.execute(sa.select(*columns).where(here)).first()
        right = database.session.execute(sa.select(*counted).select_from(counts.table).where(here)).first()
        if found is None or found == right:
            return False
        if repair:
            values = dict(zip(counts.counted, right, strict=True))
            database.session.execute(sa.update(counts.table).where(here).values(values))
            database.session.commit()
        _tell(counts.name, "miscounted", id, repair)
        return True
    finally:
        database.session.rollback()
        database.session.remove()


def _tell(name: str, kind: str, id: int, repaired: bool) -> None:
    DRIFT.labels(name, kind).inc()
    said = "a copy was wrong; repaired" if repaired else "a copy is wrong"
    log.warning(said, extra={"copy": name, "kind": kind, "subject": id})
