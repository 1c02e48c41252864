"""Two requests or events that cross, the same way each time: one stops where it is told to, until the other
has come as far as it can.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from .polling import eventually
from .service import Doors

WAITING = sa.text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
PATIENCE = 10.0


def crossing(
    doors: Doors, first: Callable[[], Any], second: Callable[[], Any], *, after: str
) -> tuple[Any, Any]:
    """What both answer. The first stops once, behind the statement that has `after` in its text, until the
    second is through or (on PostgreSQL) waits for a lock.

    On SQLite a statement that writes must not be chosen: nobody else could come anywhere.
    """
    goes_on, stopped = threading.Event(), threading.Event()

    def stop() -> None:
        stopped.set()
        assert goes_on.wait(PATIENCE)

    with ThreadPoolExecutor(2) as threads:
        began = threads.submit(_with_stop, doors, first, after, stop)
        try:
            eventually(lambda: stopped.is_set() or began.done(), PATIENCE)
            assert stopped.is_set(), f"no statement has {after!r} in it; answered {began.result()}"
            other = threads.submit(second)
            eventually(lambda: other.done() or waits_for_a_lock(doors), PATIENCE)
        finally:
            goes_on.set()
        return began.result(), other.result()


def _with_stop(doors: Doors, act: Callable[[], Any], after: str, stop: Callable[[], None]) -> Any:
    own, stops = threading.get_ident(), [stop]

    def ran(text: str) -> None:
        if after in text and threading.get_ident() == own and stops:
            stops.pop()()

    with _heard(doors, ran):
        return act()


@contextmanager
def _heard(doors: Doors, ran: Callable[[str], None]) -> Iterator[None]:
    """Hears of every statement that has run, whichever way it went."""
    driver = doors.app.extensions["driver"]
    told = driver.told
    with doors.app.app_context():
        engines = [doors.app.extensions["sqlalchemy"].engine, doors.app.extensions["reader"]]

    def of_driver(text: str, took: float) -> None:
        told(text, took)
        ran(text)

    hook = lambda *given: ran(given[2])  # noqa: E731
    driver.told = of_driver
    for engine in engines:
        sa.event.listen(engine, "after_cursor_execute", hook)
    try:
        yield
    finally:
        driver.told = told
        for engine in engines:
            sa.event.remove(engine, "after_cursor_execute", hook)


def waits_for_a_lock(doors: Doors) -> bool:
    """Whether somebody does, in the database of this service."""
    reader = doors.app.extensions["reader"]
    if reader.dialect.name == "sqlite":
        return False
    with reader.connect() as connection:
        return bool(connection.scalar(WAITING))
