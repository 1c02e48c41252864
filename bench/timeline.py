"""`make timelines`: the statement behind a timeline at a million cards and at ten, on both databases.

    python -m bench.timeline [--millions 1 10] [--stack real]

One author in ten is silent, the first has a tenth of all posts, the others share the rest. Readers follow
from nobody to five thousand. Times are those of the query as the service runs it, driver included. Writes
bench/timeline.md, and the plans beside the statement.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from chassis.testing.parts import Postgres, part_folder
from deploy.local.stack import ROOT
from social.app import Settings, create_app
from social.models import db
from social.queries.merging import HEADS, PAGE_OF, POSTGRESQL, SHOWN, SQLITE

from .report import machine

AUTHORS = 20_000
FOLLOWS = (0, 10, 50, 300, 1_000, 5_000)
PAGES = (1, 2, 10)
SIZE, TIMES = 20, 15
READER = 1_000_000  # the first reader's number; each follows as many as `FOLLOWS` says
AIMS = {follows: 5 if follows <= 1_000 else 20 for follows in FOLLOWS}
RESULTS = ROOT / "bench" / "timeline.md"
PLANS = ROOT / "services" / "social" / "social" / "queries" / "plans.md"
BEGAN = "2025-01-01 00:00:00"

NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {0})",
    "postgresql": "WITH n(i) AS (SELECT generate_series(1::bigint, {0}))",
}
MOMENT = {
    "sqlite": f"strftime('%Y-%m-%d %H:%M:%f000', '{BEGAN}', '+' || n.i || ' seconds')",
    "postgresql": f"timestamp '{BEGAN}' + n.i * interval '1 second'",
}
# The first author has every tenth post; of the others whoever has a number that ends in 1 has none.
AUTHOR = f"CASE WHEN n.i % 10 = 0 THEN 1 ELSE (n.i * 7919 % {AUTHORS // 10}) * 10 + n.i % 9 + 2 END"
FOLLOWED = f"(n.i - 1) * 7919 % {AUTHORS} + 1"
STEPS = (
    "INSERT INTO people (id, username, name, avatar_hash, version, removed) {numbers}"
    " SELECT i, 'user' || i, 'User ' || i, 'picture', 1, {false} FROM n",
    "INSERT INTO cards (id, author_id, body, body_html, published_at, version, removed) {cards}"
    " SELECT i, {author}, 'text ' || i, '<p>' || i || '</p>', {moment}, 1, {false} FROM n",
    "UPDATE people SET post_count = found.n, latest_at = found.at, latest_id = found.id FROM"
    " (SELECT author_id, count(*) AS n, max(published_at) AS at, max(id) AS id FROM cards GROUP BY author_id)"
    " AS found"
    " WHERE people.id = found.author_id",
)
FOLLOW = (
    "INSERT INTO follows (follower_id, followed_id, since, active, version) {numbers}"
    " SELECT {reader}, {followed}, {moment}, {true}, 1 FROM n"
)


def filled(connection: sa.Connection, millions: float) -> None:
    """Makes people, cards and follows inside the database."""
    connection = connection.execution_options(no_parameters=True)  # a % is a % for every driver
    kind = connection.dialect.name
    true, false = ("1", "0") if kind == "sqlite" else ("true", "false")
    words = {"true": true, "false": false, "moment": MOMENT[kind], "author": AUTHOR}
    words["cards"] = NUMBERS[kind].format(int(millions * 1_000_000))
    for step in STEPS:
        connection.exec_driver_sql(step.format(numbers=NUMBERS[kind].format(AUTHORS), **words))
    for number, follows in enumerate(FOLLOWS):
        person = "INSERT INTO people (id, username, version) VALUES ({0}, 'reader{0}', 1)"
        connection.exec_driver_sql(person.format(READER + number))
        if follows:
            given = {"reader": READER + number, "followed": FOLLOWED}
            connection.exec_driver_sql(FOLLOW.format(numbers=NUMBERS[kind].format(follows), **given, **words))


@contextmanager
def database(stack: str, folder: Path) -> Iterator[str]:
    """The address of one that is prepared and empty."""
    folder.mkdir()
    server = Postgres(part_folder()) if stack == "real" else None
    try:
        if server:
            server.start()
        url = server.database("social") if server else f"sqlite:///{folder}/social.sqlite"
        given = {"DATABASE_URL": url, "BUS_URL": f"sqlite:///{folder}/bus.sqlite", "FLASK_CONFIG": "testing"}
        words = [sys.executable, "-m", "flask", "--app", "social.app", "prepare"]
        subprocess.run(words, env=os.environ | given, cwd=ROOT, check=True, capture_output=True)
        yield url
    finally:
        if server:
            server.kill()
            shutil.rmtree(server.folder)


def swept(engine: sa.Engine) -> None:
    """What a database does by itself in the night after."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE")


def asked(number: int, page: int) -> float:
    """Milliseconds of a page of the reader of that number: the median, warm."""
    statement, values, taken = PAGE_OF[db.engine.dialect.name], values_of(number, page), []
    for _ in range(TIMES):
        began = time.perf_counter()
        db.rows(statement, values)
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken[2:])


def values_of(number: int, page: int) -> dict[str, int]:
    return {
        "person": READER + number,
        "size": SIZE,
        "offset": SIZE * (page - 1),
        "reach": SIZE * page,
    }


def measured(url: str, millions: float) -> tuple[dict[int, list[float]], str]:
    """Milliseconds of each page by follows, and the plan of the dearest."""
    app = create_app(
        Settings(environment="testing", database_url=url, bus_url="sqlite:////tmp/unused.sqlite")
    )
    engine = app.extensions["reader"]
    writing = sa.create_engine(url)
    with writing.begin() as connection:
        filled(connection, millions)
    swept(writing)
    with app.app_context():
        found = {follows: [asked(number, page) for page in PAGES] for number, follows in enumerate(FOLLOWS)}
        return found, plan(engine)


def plan(engine: sa.Engine) -> str:
    values = values_of(len(FOLLOWS) - 1, 1)
    sqlite = engine.dialect.name == "sqlite"
    explain = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN (COSTS OFF) "
    text = f"{explain}{HEADS}{SQLITE if sqlite else POSTGRESQL}{SHOWN}"
    with engine.connect() as connection:
        rows = connection.execute(sa.text(text), values).all()
    return "\n".join(str(row[-1]) for row in rows)


def told(results: dict[tuple[str, int], dict[int, list[float]]]) -> str:
    """The page of figures."""
    columns = [f"{kind}, {millions:g} M" for kind, millions in results]
    lines = [
        "# The timeline's statement",
        "",
        f"Written by `make timelines`, not by hand: {machine()}",
        f"Milliseconds of page {' / '.join(map(str, PAGES))}, medians of {TIMES - 2}, as the service asks.",
        f"{AUTHORS:,} authors: one in ten silent, the first with a tenth of all posts.",
        "",
        f"| follows | {' | '.join(columns)} | aim, page 1 |",
        f"|---|{'---|' * len(columns)}---|",
    ]
    for follows in FOLLOWS:
        cells = [" / ".join(f"{each:.2g}" for each in found[follows]) for found in results.values()]
        missed = " **missed**" if max(found[follows][0] for found in results.values()) > AIMS[follows] else ""
        lines.append(f"| {follows:,} | {' | '.join(cells)} | ≤ {AIMS[follows]}{missed} |")
    return "\n".join(lines) + "\n"


def plans(found: dict[str, str]) -> str:
    parts = [f"## {kind}\n\n```\n{text}\n```\n" for kind, text in found.items()]
    head = (
        "# Plans of the timeline's statement\n\n"
        "Written by `make timelines` for the largest database and the reader who follows most."
        " `tests/test_timeline.py` fails when a plan goes through all cards.\n\n"
    )
    return head + "\n".join(parts)


def main() -> None:
    words = argparse.ArgumentParser(prog="make timelines", description=__doc__.splitlines()[0])
    words.add_argument("--millions", nargs="+", type=float, default=[1, 10])
    words.add_argument("--stack", default="both", choices=("both", "embedded", "real"))
    given = words.parse_args()
    stacks = ("embedded", "real") if given.stack == "both" else (given.stack,)
    folder, results, explained = part_folder(), {}, {}
    try:
        for stack in stacks:
            for millions in given.millions:
                with database(stack, folder / f"{stack}-{millions:g}") as url:
                    kind = "PostgreSQL" if stack == "real" else "SQLite"
                    results[kind, millions], explained[kind] = measured(url, millions)
                shutil.rmtree(folder / f"{stack}-{millions:g}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(told(results))
    if len(stacks) == 2:
        RESULTS.write_text(told(results))
        PLANS.write_text(plans(explained))


if __name__ == "__main__":
    main()
