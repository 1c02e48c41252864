"""What a run came to, as the tables of bench/results.md, and as ratios to the committed figures."""

import json
import os
import platform
import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from .load import quantile
from .table import LINES, Line

RESULTS = Path(__file__).parent / "results.md"
COMMITTED = Path(__file__).parent / "results.json"


@dataclass
class Figures:
    """One row on one stack: milliseconds of CPU in each round and of the floor, rates, waiting times."""

    cpu: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    bad: int = 0
    statements: int = 0
    p50: float = 0.0
    p99: float = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self.cpu)


HOW = """
CPU per request is that of all processes of the blog and of its servers, less what they spend when nobody
asks, divided by the requests of that time. Rows are interleaved and repeated; medians are shown with their
range. The floor is a trivial Flask view that gives the same bytes, under the same server, in the same run.
SQL counts the statements of one request in all services. Waiting times are at 60 % of the rate that wrk got.
""".replace("\n", " ").strip()


def report(
    results: dict[str, dict[str, Figures]],
    ages: dict[str, list[float]],
    idling: dict[str, tuple[float, float]],
) -> str:
    lines = [
        "# Figures",
        "",
        f"Written by `make bench`, not by hand. {HOW}",
    ]
    lines += ["", *machine(), ""]
    for name, figures in results.items():
        lines += [f"## {name}", "", HEAD, RULE, *(row(line, figures[line.name]) for line in LINES), ""]
        megabytes, share = idling[name]
        lines += [f"Idle, the whole blog and its servers: {megabytes:.0f} MB, {share:.0%} of one core."]
        if name in ages:
            p50, p99 = (1000 * quantile(ages[name], part) for part in (0.5, 0.99))
            lines += [f"Post to a follower's timeline after its 201: median {p50:.1f} ms, p99 {p99:.1f} ms."]
        lines += [""]
    return "\n".join(lines)


HEAD = "| CPU ms a request | median (range) | aim | floor | × floor | Flasky ÷ ours | SQL | p50 | p99 | × |"
RULE = "|---|---|---|---|---|---|---|---|---|---|"


def row(line: Line, found: Figures) -> str:
    cpu = f"{found.median:.2f} ({min(found.cpu):.2f} … {max(found.cpu):.2f})"
    met = "" if found.median <= line.aim else " **missed**"
    floor = statistics.median(found.floor) if found.floor else 0.0
    ratio = f"{floor:.2f} | {found.median / floor:.1f}" if floor else "– | –"
    waits = f"{found.p50:.1f} | {found.p99:.1f} | {found.p99 / found.p50:.1f}" if found.p50 else "– | – | –"
    bad = f" ({found.bad} errors)" if found.bad else ""
    versus = f"{line.peer / found.median:.1f} | {found.statements}"
    return f"| {line.name}{bad} | {cpu} | {line.aim}{met} | {ratio} | {versus} | {waits} |"


def machine() -> list[str]:
    processor = next(
        (
            text.split(":", 1)[1].strip()
            for text in Path("/proc/cpuinfo").read_text().splitlines()
            if text.startswith("model name")
        ),
        platform.machine(),
    )
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("flask", "gunicorn", "sqlalchemy", "psycopg", "gevent")
    )
    load = os.getloadavg()[0]
    return [
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({processor}), load {load:.1f} at the end;"
        f" Python {platform.python_version()}, {packages}.",
    ]


def quick(results: dict[str, dict[str, Figures]]) -> str:
    """Each row as a ratio to the committed figure."""
    committed = json.loads(COMMITTED.read_text())
    lines = []
    for name, figures in results.items():
        for line in LINES:
            before = committed.get(name, {}).get(line.name)
            ratio = f"× {figures[line.name].median / before:.2f}" if before else "new"
            lines.append(f"{name:12} {line.name:34} {figures[line.name].median:6.2f} ms  {ratio}")
    return "\n".join(lines)
