"""`make bench`: CPU and waiting times of every row, on both stacks; writes bench/results.md.

    python -m bench.run [--size S] [--stack real] [--rounds 3] [--seconds 3] [--quick]

CPU per request is that of all processes of the blog and of its servers, less what they spend when nobody
asks, divided by the requests of that time. Rows are interleaved and repeated; medians are shown with their
range. The floor is a trivial Flask view that gives the same bytes, under the same server, in the same run.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import requests

from chassis.testing.parts import free_port
from deploy.local.stack import ROOT

from .blog import READER, Bench, running
from .data import SIZES
from .load import Ask, paced, quantile, wrk
from .meter import Meter
from .table import LINES, Line

RESULTS = Path(__file__).parent / "results.md"
COMMITTED = Path(__file__).parent / "results.json"
SHARE_OF_PEAK = 0.6
ARRIVALS, ARRIVALS_RATE = 200, 50
IDLE_SECONDS = 5.0


@dataclass
class Figures:
    """One row on one stack: milliseconds of CPU in each round and of the floor, rates, waiting times."""

    cpu: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    bad: int = 0
    p50: float = 0.0
    p99: float = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self.cpu)


def idle(meter: Meter, seconds: float) -> float:
    """Seconds of CPU that are spent each second while nobody asks."""
    before = sum(meter.cpu().values())
    time.sleep(seconds)
    return (sum(meter.cpu().values()) - before) / seconds


def cpu_per_request(
    meter: Meter, url: str, asks: list[Ask], seconds: float, folder: Path, resting: float = 0.0
) -> tuple[float, float, int]:
    """Milliseconds of CPU a request, requests a second, and how many went wrong."""
    before = sum(meter.cpu().values())
    drive = wrk(url, asks, seconds, folder)
    spent = sum(meter.cpu().values()) - before - resting * drive.seconds
    return 1000 * spent / max(drive.requests, 1), drive.requests / drive.seconds, drive.bad


@contextmanager
def floor_of(bench: Bench, ask: Ask, folder: Path) -> Iterator[tuple[str, Meter]]:
    """A server that gives the same bytes and does nothing else."""
    answer = requests.get(f"{bench.stack.url}{ask.path}", headers=ask.headers, timeout=10)
    answer.raise_for_status()
    (folder / "floor").write_bytes(answer.content)
    port = free_port()
    given = {"PORT": str(port), "FLOOR": str(folder / "floor"), "FLOOR_TYPE": answer.headers["Content-Type"]}
    words = [sys.executable, "-m", "gunicorn", "-c", "python:chassis.gunicorn", "bench.floor:create_app()"]
    server = subprocess.Popen(words, env=os.environ | given, cwd=ROOT, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 10
        while not answers(url):
            assert time.monotonic() < deadline, "the floor does not start"
            time.sleep(0.05)
        yield url, Meter(lambda: {server.pid: "floor"})
    finally:
        server.terminate()
        server.wait()


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.ConnectionError:
        return False


def measured(bench: Bench, rounds: int, seconds: float, folder: Path) -> dict[str, Figures]:
    found = {line.name: Figures() for line in LINES}
    asked = {line.name: line.asks(bench) for line in LINES}
    for line in LINES:  # warm
        wrk(bench.stack.url, asked[line.name], 1, folder)
    bench.resting = idle(bench.meter, IDLE_SECONDS)
    for _ in range(rounds):
        for line in LINES:
            one_round(bench, line, asked[line.name], found[line.name], seconds, folder)
    for line in (each for each in LINES if each.floor):
        rate = SHARE_OF_PEAK * statistics.median(found[line.name].rate)
        taken = paced(bench.stack.url, asked[line.name], rate, seconds)
        found[line.name].p50, found[line.name].p99 = (1000 * quantile(taken, part) for part in (0.5, 0.99))
    return found


def one_round(
    bench: Bench, line: Line, asks: list[Ask], found: Figures, seconds: float, folder: Path
) -> None:
    cpu, rate, bad = cpu_per_request(bench.meter, bench.stack.url, asks, seconds, folder, bench.resting)
    found.cpu.append(cpu)
    found.rate.append(rate)
    found.bad += bad
    if line.floor:
        with floor_of(bench, asks[0], folder) as (url, meter):
            found.floor.append(cpu_per_request(meter, url, [Ask("/")], 1, folder)[0])


def arrivals(bench: Bench) -> list[float]:
    """Seconds from the 201 of a post until a follower's timeline has it, at so many writes a second."""
    author, reader = 1, bench.token(READER)
    http, token = requests.Session(), bench.token(author)
    ages, due = [], time.monotonic()
    for number in range(ARRIVALS):
        time.sleep(max(due - time.monotonic(), 0))
        due += 1 / ARRIVALS_RATE
        body = {"body": f"Arrival {number}"}
        headers = {"Authorization": f"Bearer {token}"}
        made = http.post(f"{bench.stack.url}/api/v1/posts/", json=body, headers=headers, timeout=10).json()
        began = time.monotonic()
        while newest(http, bench, reader) < made["id"]:
            assert time.monotonic() - began < 10, "it never arrived"
        ages.append(time.monotonic() - began)
    return sorted(ages)


def newest(http: requests.Session, bench: Bench, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{bench.stack.url}/api/v1/users/{READER}/timeline/"
    return int(http.get(url, headers=headers, timeout=10).json()["posts"][0]["id"])


def report(
    results: dict[str, dict[str, Figures]],
    ages: dict[str, list[float]],
    idling: dict[str, tuple[float, float]],
) -> str:
    lines = [
        "# Figures",
        "",
        "Written by `make bench`, not by hand. " + " ".join(__doc__.split("\n\n")[2].split()),
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


HEAD = "| CPU ms a request | median (range) | aim | floor | × floor | Flasky ÷ ours | p50 | p99 | ratio |"
RULE = "|---|---|---|---|---|---|---|---|---|"


def row(line: Line, found: Figures) -> str:
    cpu = f"{found.median:.2f} ({min(found.cpu):.2f} … {max(found.cpu):.2f})"
    met = "" if found.median <= line.aim else " **missed**"
    floor = statistics.median(found.floor) if found.floor else 0.0
    ratio = f"{floor:.2f} | {found.median / floor:.1f}" if floor else "– | –"
    waits = f"{found.p50:.1f} | {found.p99:.1f} | {found.p99 / found.p50:.1f}" if found.p50 else "– | – | –"
    bad = f" ({found.bad} errors)" if found.bad else ""
    return (
        f"| {line.name}{bad} | {cpu} | {line.aim}{met} | {ratio} | {line.peer / found.median:.1f} | {waits} |"
    )


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


def main() -> None:
    words = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    words.add_argument("--size", default="S", choices=SIZES)
    words.add_argument("--stack", default="both", choices=("both", "embedded", "real"))
    words.add_argument("--rounds", default=3, type=int)
    words.add_argument("--seconds", default=3, type=float)
    words.add_argument(
        "--quick", action="store_true", help="print ratios to the committed figures, write nothing"
    )
    given = words.parse_args()
    stacks = ("embedded", "real") if given.stack == "both" else (given.stack,)
    rounds, seconds = (1, 2) if given.quick else (given.rounds, given.seconds)
    folder = Path(tempfile.mkdtemp(prefix="flasky-bench-"))
    results, ages, idling = {}, {}, {}
    try:
        for kind in stacks:
            name = f"{kind}, {given.size}"
            with running(kind, SIZES[given.size], folder) as bench:
                results[name] = measured(bench, rounds, seconds, folder)
                idling[name] = sum(bench.meter.memory().values()), bench.resting
                if not given.quick:
                    ages[name] = arrivals(bench)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if given.quick:
        print(quick(results))
        return
    RESULTS.write_text(report(results, ages, idling) + "\n")
    kept = {name: {row: figures.median for row, figures in rows.items()} for name, rows in results.items()}
    COMMITTED.write_text(json.dumps(kept, indent=2) + "\n")
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
