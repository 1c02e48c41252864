"""What a run came to, as the tables of bench/results.md, and as ratios to the committed figures."""

import json
import os
import platform
import statistics
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from .table import LINES, Line

RESULTS = Path(__file__).parent / "results.md"
COMMITTED = Path(__file__).parent / "results.json"
YARDSTICK = (
    0.17  # ms: an empty view under gunicorn's gevent worker where the aims were measured (0.16 to 0.18)
)

TAIL = 4.0  # medians: the aim for p99 of reads


@dataclass
class Figures:
    """One row on one stack: milliseconds of CPU in each round, of the floor and of the row's SQL by itself;
    rates, waiting times.
    """

    cpu: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    sql: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    bad: int = 0
    statements: int = 0
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    floor_times: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.cpu)

    @property
    def tail(self) -> float:
        """p99 ÷ p50."""
        return statistics.median(slow / usual for usual, slow in zip(self.p50, self.p99, strict=True))


HOW = """
CPU per request is that of all processes of the blog and of its servers, less what they spend when nobody
asks, divided by the requests of that time. Rows are interleaved and repeated; medians are shown with their
range. "÷ aim" is the gap that is left, "÷ aim here" the same for a machine as slow as this one was: how slow
is told above each table. The floor is a trivial Flask view that gives the same bytes, under the same server,
in the same run; "SQL alone" the row's statements on a plain connection of the driver, with what their
database takes; "×" is ours ÷ both. "SQL" counts the statements of one request in all services. Waiting times
are at 60 % of the rate that wrk got just before; "p99 ÷ p50" is the median of each round's, "floor's" that of
the floor at 60 % of its own peak. L / S is shown where both ran on one Python. "Others" is the part of all
cores that programs beside the blog and its client used meanwhile: whoever waits for a core waits for them. A
write counts with its event's whole journey to every copy.
""".replace("\n", " ").strip()


@dataclass
class Run:
    """One stack with one size, as measured at once."""

    machine: str
    megabytes: float  # before anybody has asked
    busy_megabytes: float  # after the last row
    resting: float
    rows: dict[str, Figures]
    arrival: tuple[float, float]  # median and p99, in milliseconds
    burst: tuple[float, float]  # posts a second as fast as they are taken; seconds until the last has arrived
    servers_megabytes: float = 0.0  # PostgreSQL's and RabbitMQ's part of the first
    yardstick: list[float] = field(default_factory=list)  # the empty view here, in each round
    python: str = ""  # the same for two runs that may be compared

    @property
    def slower(self) -> float:
        """How many times the CPU of the machine of the aims this one takes; 0: unknown."""
        return statistics.median(self.yardstick) / YARDSTICK if self.yardstick else 0.0


def kept() -> dict[str, Run]:
    """The runs that bench/results.json holds, by stack and size."""
    told = json.loads(COMMITTED.read_text()) if COMMITTED.exists() else {}
    for run in told.values():
        run["rows"] = {name: Figures(**figures) for name, figures in run["rows"].items()}
    return {name: Run(**run) for name, run in told.items()}


def keep(runs: dict[str, Run]) -> str:
    """Puts these in the place of former runs of the same name; the others stay. Returns the whole report."""
    every = dict(sorted((kept() | runs).items()))
    COMMITTED.write_text(json.dumps({name: asdict(run) for name, run in every.items()}, indent=1) + "\n")
    RESULTS.write_text(report(every))
    return RESULTS.read_text()


def report(runs: dict[str, Run]) -> str:
    lines = ["# Figures", "", f"Written by `make bench`, not by hand. {HOW}", ""]
    for name, run in runs.items():
        lines += [f"## {name}", "", f"{run.machine} {pace(run)}", "", HEAD, RULE]
        lines += [*(row(line, run.rows[line.name], run.slower) for line in LINES), ""]
        (p50, p99), (rate, late) = run.arrival, run.burst
        lines += [
            f"The whole blog and its servers: {run.megabytes:.0f} MB ({run.servers_megabytes:.0f} theirs)"
            f" and {run.resting:.1%} of one core while nobody asks, {run.busy_megabytes:.0f} MB after the"
            f" last row. Post to a follower's timeline after its 201: median {p50:.1f} ms, p99 {p99:.1f} ms."
            f" Posts as fast as they are taken, for ten seconds: {rate:.0f} a second, the last in a timeline"
            f" {late:.1f} s after.",
            "",
            *tails(run.rows),
        ]
    return "\n".join([*lines, grown(runs)])


def pace(run: Run) -> str:
    if not run.yardstick:
        return "How fast it was, was not measured."
    took = statistics.median(run.yardstick)
    return (
        f"An empty view under gunicorn's own gevent worker took {took:.2f} ms ({min(run.yardstick):.2f} …"
        f" {max(run.yardstick):.2f}); where the aims were measured, {YARDSTICK}: × {run.slower:.2f}."
    )


def tails(rows: dict[str, Figures]) -> list[str]:
    """How far p99 of reads is from its aim, and how far the floor's is."""
    reads = {name: figures for name, figures in rows.items() if figures.p50 and figures.floor_times}
    if not reads:
        return []
    ours = {name: figures.tail / TAIL for name, figures in reads.items()}
    floors = [statistics.median(figures.floor_times) / TAIL for figures in reads.values()]
    furthest = max(ours, key=lambda name: ours[name])
    met = sum(gap <= 1 for gap in ours.values())
    return [
        f"p99 of reads is at most {TAIL:.0f} medians in {met} of {len(ours)} rows. Of its aim it is"
        f" × {min(ours.values()):.1f} … {ours[furthest]:.1f} (the furthest: {furthest}), the floor's"
        f" × {min(floors):.1f} … {max(floors):.1f}.",
        "",
    ]


def grown(runs: dict[str, Run]) -> str:
    """L / S of each row, where both were measured on one stack, under one Python."""
    lines = []
    for kind in sorted({name.partition(",")[0] for name in runs}):
        small, large = (runs.get(f"{kind}, {size}") for size in ("S", "L"))
        if small and large and small.python == large.python:
            lines += [f"## {kind}: L / S", "", "| row | ratio |", "|---|---|"]
            ratios = {
                each.name: large.rows[each.name].median / small.rows[each.name].median for each in LINES
            }
            lines += [*(f"| {name} | {ratio:.2f} |" for name, ratio in ratios.items()), ""]
    return "\n".join(lines)


HEAD = (
    "| CPU ms a request | median (range) | aim | ÷ aim | ÷ aim here | floor | SQL alone | × | Flasky ÷ ours"
    " | SQL | p50 | p99 | p99 ÷ p50 | floor's | others |"
)
RULE = "|" + "---|" * HEAD.count(" |")


def row(line: Line, found: Figures, slower: float) -> str:
    cpu = f"{found.median:.2f} ({min(found.cpu):.2f} … {max(found.cpu):.2f})"
    share = found.median / line.aim
    here = f"{share / slower:.2f}" if slower else "–"
    aim = f"{line.aim} | {share:.2f}{' **missed**' if share > 1 else ''} | {here}"
    floor = statistics.median(found.floor) if found.floor else 0.0
    sql = statistics.median(found.sql) if found.sql else 0.0
    alone = f"{sql:.2f}" if sql else "–"
    ratio = f"{floor:.2f} | {alone} | {found.median / (floor + sql):.1f}" if floor else "– | – | –"
    waits, others = "– | – | – | –", "–"
    if found.p50:
        p50, p99 = statistics.median(found.p50), statistics.median(found.p99)
        floors = f"{statistics.median(found.floor_times):.1f}" if found.floor_times else "–"
        waits = f"{p50:.1f} | {p99:.1f} | {found.tail:.1f} | {floors}"
        others = f"{statistics.median(found.others):.0%}"
    bad = f" ({found.bad} errors)" if found.bad else ""
    versus = f"{line.peer / found.median:.1f} | {found.statements}"
    return f"| {line.name}{bad} | {cpu} | {aim} | {ratio} | {versus} | {waits} | {others} |"


def machine() -> str:
    told = Path("/proc/cpuinfo").read_text().splitlines()
    named = (text.split(":", 1)[1].strip() for text in told if text.startswith("model name"))
    names = "flask", "gunicorn", "sqlalchemy", "psycopg", "gevent"
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({next(named, platform.machine())}), "
        f"load {os.getloadavg()[0]:.1f} at the end; Python {python()}, "
        f"{', '.join(f'{name} {version(name)}' for name in names)}."
    )


def python() -> str:
    """With who made it and when: how it was compiled is worth a sixth of all that it does."""
    branch, built = platform.python_build()
    return f"{platform.python_version()} ({branch}, {built[:11].strip()}, {platform.python_compiler()})"


def quick(results: dict[str, dict[str, Figures]]) -> str:
    """Each row as a ratio to the committed figure."""
    before, lines = kept(), []
    for name, figures in results.items():
        if name in before and before[name].python != python():
            lines.append(f"{name}: the committed figures are of {before[name].python or 'another Python'}")
        for line in LINES:
            now = figures[line.name].median
            ratio = f"× {now / before[name].rows[line.name].median:.2f}" if name in before else "new"
            lines.append(f"{name:12} {line.name:34} {now:6.2f} ms  {ratio}")
    return "\n".join(lines)
