"""Passes: all of a copy, page by page; slowly in the worker for ever, or at once by `flask audit`."""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

import click
import sqlalchemy as sa
from flask import Flask, current_app

from ..backup.settled import settled
from ..database import database
from ..events import now
from ..problems import Unavailable
from ..settings import settings
from ..tables import Timestamp
from . import Copy, Counts, looks, mending, owners
from .looks import Look
from .mending import STUCK, WAITS

log = logging.getLogger(__name__)
STEP = 5.0  # seconds of repairing at once; a worker that is silent for longer would be taken for hanging
REST = 10.0  # seconds until an owner that did not answer is asked again
PATIENCE = 60.0  # seconds that the worker's pass stays at a page whose news is on its way
IN_A_HURRY = 10.0  # seconds that `flask audit` waits for a watermark, once
PAGE, WINDOW = 100, 50
AHEAD = 20  # pages of the worker's pass that stand open at once
KEEP = sa.text(
    "INSERT INTO audit_passes (name, cursor, finished_at) VALUES (:name, :cursor, :finished_at)"
    " ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor,"
    " finished_at = coalesce(excluded.finished_at, audit_passes.finished_at)"
).bindparams(sa.bindparam("finished_at", type_=Timestamp))


def checks() -> list[Copy | Counts]:
    """What can be audited here: everything declared whose owner's address is known."""
    declared: Sequence[Copy | Counts] = current_app.extensions["consumers"].copies
    return [check for check in declared if isinstance(check, Counts) or owners.address(check)]


def refuse_unknown_owners() -> None:
    """A worker leaves their copies alone; a person is told, because not compared is not the same as equal."""
    declared = current_app.extensions["consumers"].copies
    unknown = {copy.owner for copy in declared if isinstance(copy, Copy) and not owners.address(copy)}
    if unknown:
        missing = ", ".join(sorted(f"{owner.upper()}_URL" for owner in unknown))
        raise click.ClickException(f"{current_app.name}: not all was compared: {missing} missing")


def keep(name: str, cursor: int | None) -> None:
    """Notes how far a pass has come; without a cursor it is through."""
    values = {"name": name, "cursor": cursor or 0, "finished_at": None if cursor else now()}
    database.session.execute(KEEP, values)
    database.session.commit()


class Auditor:
    """The worker's job: at each call one small page, or the second look at an earlier one. An owner that does
    not answer keeps only its own copies waiting.

    While the news of a page that looks wrong may be on its way, pages behind it are looked at: a copy that
    was lost waits for a watermark once for `AHEAD` pages, not once for each.
    """

    def __init__(self) -> None:
        self._open: deque[Look] = deque()
        self._resting: dict[str, float] = {}

    def __call__(self, app: Flask) -> bool:
        """Tells whether something was wrong: then there is likely more of it, and no reason to pause."""
        if self._open:
            look = self._open[0]
            settles = self._behind is None or len(self._open) == AHEAD or mending.arrived(look)
            step = self._second if settles else lambda: self._first(look.copy, self._behind or 0)
            return self._unless_away(look.copy, step)
        if next_one := self._due():
            check, cursor = next_one
            if isinstance(check, Counts):
                return self._unless_away(check, lambda: self._recount(check, cursor))
            return self._unless_away(check, lambda: self._first(check, cursor))
        return False

    @property
    def _behind(self) -> int | None:
        """Where the next page begins; nothing if there is none."""
        return self._open[-1].until

    def _unless_away(self, check: Copy | Counts, step: Callable[[], bool]) -> bool:
        try:
            wrong = step()
            self._resting.pop(check.name, None)
            return wrong
        except Unavailable as error:
            if check.name not in self._resting:
                log.warning("audit waits", extra={"copy": check.name, "reason": error.message})
            self._resting[check.name] = time.monotonic() + REST
            self._open.clear()
            return False

    def _recount(self, counts: Counts, cursor: int) -> bool:
        found, wrong = looks.miscounted(counts, cursor, settings.audit_page)
        deadline = time.monotonic() + STEP
        for id in wrong:
            if time.monotonic() > deadline:
                return True
            mending.recount(counts, id, repair=True)
        keep(counts.name, found[-1] if len(found) == settings.audit_page else None)
        return bool(wrong)

    def _first(self, copy: Copy, cursor: int) -> bool:
        look = looks.first(copy, cursor, settings.audit_page)
        if not look.wrong and not self._open:
            keep(copy.name, look.until)
            return False
        self._open.append(look)
        return bool(look.wrong)

    def _second(self) -> bool:
        look = self._open[0]
        found = mending.second(look, repair=True, seconds=STEP) if look.wrong else {}
        look.wrong = [id for id, kind in found.items() if kind == WAITS]
        if not look.wrong or time.monotonic() - look.at > PATIENCE:
            keep(look.copy.name, look.until)
            self._open.popleft()
        goes_on = bool(self._open) and not look.wrong
        return goes_on or any(kind not in ("", WAITS) for kind in found.values())

    def _due(self) -> tuple[Copy | Counts, int] | None:
        """What was through longest ago, and how far it has come now."""
        known = {row["name"]: row for row in database.rows(sa.select(database.audit_passes))}
        ready = [check for check in checks() if self._resting.get(check.name, 0) < time.monotonic()]
        passes = [(check, known.get(check.name)) for check in ready]
        never = now().replace(year=1970)
        oldest = min(passes, key=lambda one: (one[1] and one[1]["finished_at"]) or never, default=None)
        return oldest and (oldest[0], oldest[1]["cursor"] if oldest[1] else 0)


class Pass:
    """One whole pass of one copy, and what came of it."""

    def __init__(self, repair: bool) -> None:
        self._repair, self._patient = repair, True
        self.looked_at, self.kinds, self.left = 0, Counter[str](), 0

    def over(self, check: Copy | Counts) -> None:
        """Raises `Unavailable`."""
        self._recount(check) if isinstance(check, Counts) else self._compare(check)
        if not self.left:
            keep(check.name, None)

    def _compare(self, copy: Copy) -> None:
        cursor: int | None = 0
        window: list[Look] = []
        while cursor is not None:
            look = looks.first(copy, cursor, PAGE)
            self.looked_at += look.size
            cursor = look.until
            window += [look] if look.wrong else []
            if window and (cursor is None or len(window) == WINDOW):
                self._settle(window)
                window = []

    def _settle(self, window: list[Look]) -> None:
        deadline = time.monotonic() + IN_A_HURRY
        while self._patient and not mending.arrived(window[-1]) and time.monotonic() < deadline:
            time.sleep(0.1)
        self._patient = self._patient and mending.arrived(window[-1])
        for look in window:
            self._again(look)

    def _again(self, look: Look) -> None:
        found = mending.second(look, repair=self._repair, patient=self._patient)
        self.kinds.update(kind for kind in found.values() if kind and kind != WAITS)
        self.left += list(found.values()).count(STUCK)

    def _recount(self, counts: Counts) -> None:
        cursor = 0
        while True:
            found, wrong = looks.miscounted(counts, cursor, PAGE)
            self.looked_at += len(found)
            for id in wrong:
                self.kinds["changed"] += mending.recount(counts, id, repair=self._repair)
            if len(found) < PAGE:
                return
            cursor = found[-1]

    @property
    def drifted(self) -> int:
        return sum(self.kinds.values())

    @property
    def told(self) -> str:
        apart = {kind: self.kinds[kind] for kind in ("missing", "extra")}
        differing = self.drifted - sum(apart.values())
        repaired = self.drifted - self.left if self._repair else 0
        return (
            f"{self.looked_at} looked at, {differing} differing, {apart['missing']} missing,"
            f" {apart['extra']} extra, {repaired} repaired"
        )


@click.command()
@click.option("--dry-run", is_flag=True, help="Only count; change nothing.")
@settled
def audit(dry_run: bool) -> None:
    """Compare every copy with what its owner holds, and repair it, while serving. Fails unless all is equal
    afterwards.
    """
    wrong = 0
    for check in checks():
        done = Pass(repair=not dry_run)
        try:
            done.over(check)
        except Unavailable as error:
            raise click.ClickException(f"{check.name}: {error.message}") from error
        click.echo(f"{check.name}: {done.told}")
        wrong += done.drifted if dry_run else done.left
    if wrong:
        raise click.ClickException(f"{wrong} rows are not as their owners hold them")
    refuse_unknown_owners()
