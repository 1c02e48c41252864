"""F10: the disk is full, and freed again: 503 with Retry-After within 3 s, never 500, healthy 5 s after.

A real disk, small and its own (tmpfs): for SQLite it holds the whole data folder, logs and bus included; for
PostgreSQL the tables of posts. Mounting takes root. Without it, SQLite gets a stand-in: a limit of pages for
each connection, in one process, which is the same error at the same places but neither bus nor logs.
"""

import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

import posts.app
from chassis.testing.parts import part_folder
from chassis.testing.service import service_doors

from ..rig import disk
from ..rig.blog import Rig, limit, long, told
from ..rig.load import Load, Member, within
from .test_f10_database import BOUND, RATE, count_of, said_so_soon, works

SECONDS = long(10, 3)
WRITE = 4
LARGE = "a long text " * 2000
posts_doors = service_doors("posts", posts.app.create_app, posts.app.Settings)


def test_a_full_disk_is_said_so_soon_and_once_freed_all_goes_on(request, stack, tmp_path):
    if not disk.mounts():
        stand_in(request.getfixturevalue("posts_doors"))
    elif stack == "real":
        rig = request.getfixturevalue("rig")
        with tables_on(rig, part_folder()) as folder:
            endured(rig, folder, "disk of PostgreSQL full")
    else:
        with disk.small_disk(tmp_path / "data", "64m") as folder, Rig(stack, tmp_path) as rig:
            endured(rig, folder, "disk of everything full")


def endured(rig: Rig, folder: Path, injected: str) -> None:
    members = rig.members(4)
    began = time.monotonic()
    with Load(members, RATE, seed=11):
        disk.fill(folder)
        full = within(limit(20), lambda: not writes(members[0]))
        time.sleep(SECONDS)
        disk.free(folder)
        healthy = within(limit(10), lambda: all(works(member) for member in members))
    refused = [each for each in rig.ledger.tries() if each.at > began and not 200 <= each.status < 300]
    slowest = max(each.seconds for each in refused)
    arrived = rig.check()
    measured = (
        f"noticed after {full:.1f} s, {count_of(refused, 503)} × 503 in {slowest:.1f} s at most,"
        f" {count_of(refused, 500)} × 500, healthy {healthy:.1f} s after, all arrived {arrived:.1f} s after"
    )
    told("F10", rig.kind, f"{injected} {SECONDS} s", measured, BOUND)
    assert said_so_soon(refused), {
        (each.status, each.retry_after, round(each.seconds, 1)) for each in refused
    }
    assert healthy <= limit(5)


def writes(member: Member) -> bool:
    """Whether a text that takes some room can be kept."""
    return member.publish(LARGE + uuid.uuid4().hex).outcome == "done"


@contextmanager
def tables_on(rig: Rig, folder: Path) -> Iterator[Path]:
    """The tables of posts on a small disk of their own; its log of writes stays where it is."""
    try:
        with disk.small_disk(folder / "small", "32m") as small:
            rig.postgres._own(small)
            run_alone(rig, f"CREATE TABLESPACE small LOCATION '{small}'", move("small"))
            try:
                yield small
            finally:
                run_alone(rig, move("pg_default"), "DROP TABLESPACE small")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def move(tablespace: str) -> str:
    return f"ALTER DATABASE posts SET TABLESPACE {tablespace}"


def run_alone(rig: Rig, *statements: str) -> None:
    """With nobody connected to posts, as PostgreSQL wants it for this."""
    rig.stack.stop("posts", "posts-worker")
    engine = sa.create_engine(rig.postgres.url(), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    rig.revive()
    rig.stack.ready()


def stand_in(doors) -> None:
    """No mount here: SQLite itself is told how many pages there may be."""
    pages = {"most": 2**30}
    with doors.app.app_context():
        engine = doors.app.extensions["sqlalchemy"].engine
    if engine.dialect.name == "sqlite":
        limit = lambda connection, *_: connection.execute(f"PRAGMA max_page_count={pages['most']}")  # noqa: E731
        sa.event.listen(engine, "checkout", limit)
    ann = doors.as_("ann", WRITE)
    statuses = []
    for pages["most"] in (1, 2**30):
        answer = ann.post("/api/v1/posts/", json={"body": LARGE})
        statuses.append((answer.status_code, bool(answer.headers.get("Retry-After"))))
    told("F10", "stand-in", "SQLite told to grow no further (no mount here)", str(statuses), BOUND)
    assert statuses == [(503, True), (201, False)] or engine.dialect.name != "sqlite"
