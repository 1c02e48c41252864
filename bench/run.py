"""`make bench`: CPU and waiting times of every row, on both stacks; writes bench/results.md.

    python -m bench.run [--size S] [--stack real] [--rounds 5] [--seconds 2] [--quick]

CPU per request is that of all processes of the blog and of its servers, less what they spend when nobody
asks, divided by the requests of that time. Rows are interleaved and repeated; medians are shown with their
range. The floor is a trivial Flask view that gives the same bytes, under the same server, in the same run;
and the row's SQL by itself.
"""

import argparse
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import requests

from chassis.testing.parts import free_port
from deploy.local.stack import ROOT, SERVICES
from gateway import table

from .arrivals import arrivals, burst
from .blog import SERVERS, Bench, running
from .data import SIZES
from .load import CONNECTIONS, Ask, paced, quantile, wrk
from .meter import Meter
from .report import Figures, Run, keep, machine, python, quick
from .table import LINES, Line

SHARE_OF_PEAK = 0.6
IDLE_SECONDS = 5.0
SQL_SECONDS = 0.5
LOGGED_WITHIN = 5.0  # seconds


def idle(meter: Meter, seconds: float) -> float:
    """Seconds of CPU that are spent each second while nobody asks."""
    before = sum(meter.cpu().values())
    time.sleep(seconds)
    return (sum(meter.cpu().values()) - before) / seconds


def cpu_per_request(
    meter: Meter,
    url: str,
    asks: list[Ask],
    seconds: float,
    folder: Path,
    resting: float = 0.0,
    connections: int = CONNECTIONS,
) -> tuple[float, float, int]:
    """Milliseconds of CPU a request, requests a second, and how many went wrong."""
    before = sum(meter.cpu().values())
    drive = wrk(url, asks, seconds, folder, connections)
    spent = sum(meter.cpu().values()) - before - resting * drive.seconds
    return 1000 * spent / max(drive.requests, 1), drive.requests / drive.seconds, drive.bad


@contextmanager
def floor_of(bench: Bench, ask: Ask, folder: Path) -> Iterator[tuple[str, Meter]]:
    """A server that gives the same bytes and does nothing else."""
    answer = requests.get(f"{bench.stack.url}{ask.path}", headers=ask.headers, timeout=10)
    answer.raise_for_status()
    with trivial(
        answer.content, answer.headers["Content-Type"], folder, "-c", "python:chassis.gunicorn"
    ) as found:
        yield found


def yardstick(folder: Path) -> float:
    """How fast this machine is: CPU of an empty view under gunicorn's own gevent worker, which was measured
    where the aims were, too.
    """
    with trivial(b"", "text/plain", folder, "-k", "gevent", "--log-level", "warning") as (url, meter):
        return cpu_per_request(meter, url, [Ask("/")], 1, folder)[0]


@contextmanager
def trivial(content: bytes, kind: str, folder: Path, *served: str) -> Iterator[tuple[str, Meter]]:
    (folder / "floor").write_bytes(content)
    port = free_port()
    given = {"PORT": str(port), "FLOOR": str(folder / "floor"), "FLOOR_TYPE": kind}
    words = [sys.executable, "-m", "gunicorn", *served, "bench.floor:create_app()"]
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
    except (requests.ConnectionError, requests.Timeout):
        return False


@contextmanager
def alone(bench: Bench, asked: dict[str, Ask]) -> Iterator[Callable[[str, float], float]]:
    """Gives what the statements of a row cost by themselves, in milliseconds of CPU: a process of their own
    (bench/alone.py), and the databases.
    """
    bearer = {"Authorization": f"Bearer {bench.token()}"}
    asks = {}
    for name, ask in asked.items():
        route = table.find(ask.path)
        headers = ask.headers | (bearer if "Cookie" in ask.headers else {})
        asks[name] = (route.service if route else "web", ask.method, ask.path, headers)
    environments = {name: bench.stack.environment(name) for name in (*SERVICES, "web")}
    words = [sys.executable, "-m", "bench.alone"]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        answer = said(child, {"environments": environments, "asks": asks})
        assert answer == "ready", "bench.alone does not start"

        def cost(name: str, seconds: float) -> float:
            before = bench.servers_cpu()
            times, spent = json.loads(said(child, [name, seconds]))
            return 1000 * (spent + bench.servers_cpu() - before) / times

        yield cost


def said(child: "subprocess.Popen[str]", told: object) -> str:
    """The line with which it answers to one."""
    print(json.dumps(told), file=child.stdin, flush=True)
    return child.stdout.readline().strip()  # type: ignore[union-attr]


def statements(bench: Bench, asks: list[Ask]) -> int:
    """How many SQL statements one request makes in all services together: the median of three, because one
    may meet a connection that is new.
    """
    return statistics.median_low(made(bench, asks[-1 - turn % len(asks)]) for turn in range(3))


def made(bench: Bench, ask: Ask) -> int:
    """The statements of one request, from the services' logs."""
    marked = ask.headers | {"X-Request-Id": secrets.token_hex(12)}
    requests.request(
        ask.method, f"{bench.stack.url}{ask.path}", headers=marked, data=ask.body or None, timeout=10
    )
    deadline = time.monotonic() + LOGGED_WITHIN
    while not (lines := logged(bench, marked["X-Request-Id"])):
        assert time.monotonic() < deadline, "nobody has logged the request"
        time.sleep(0.05)
    return sum(lines)


def logged(bench: Bench, request_id: str) -> list[int]:
    """The numbers of statements that the services' log lines of a request tell."""
    lines = (line for name in SERVICES for line in bench.stack.lines(name))
    return [int(str(line.get("statements", 0))) for line in lines if line.get("request_id") == request_id]


def measured(bench: Bench, rounds: int, seconds: float, folder: Path, brief: bool) -> dict[str, Figures]:
    """`brief`: without floors, waiting times, and how fast the machine is."""
    found = {line.name: Figures() for line in LINES}
    asked = {line.name: line.asks(bench) for line in LINES}
    for line in LINES:  # warm
        wrk(bench.stack.url, asked[line.name], 1, folder, line.connections)
        found[line.name].statements = statements(bench, asked[line.name])
    bench.resting = idle(bench.meter, IDLE_SECONDS)
    reads = {line.name: asked[line.name][0] for line in LINES if line.floor}
    with nullcontext() if brief else alone(bench, reads) as cost:
        for _ in range(rounds):
            bench.yardstick += [] if brief else [yardstick(folder)]
            for line in LINES:
                asks = line.asks(bench) if line.fresh else asked[line.name]
                one_round(bench, line, asks, found[line.name], seconds, folder, brief)
                if cost and line.floor:
                    found[line.name].sql.append(cost(line.name, SQL_SECONDS))
    return found


def waiting(url: str, asks: list[Ask], peak: float, seconds: float) -> tuple[float, float]:
    """Median and p99 in milliseconds, below the peak that was seen just before: from one minute to the next
    the machine is another.
    """
    taken = paced(url, asks, SHARE_OF_PEAK * peak, seconds)
    return 1000 * quantile(taken, 0.5), 1000 * quantile(taken, 0.99)


def one_round(
    bench: Bench, line: Line, asks: list[Ask], found: Figures, seconds: float, folder: Path, brief: bool
) -> None:
    url, resting = bench.stack.url, bench.resting
    cpu, rate, bad = cpu_per_request(bench.meter, url, asks, seconds, folder, resting, line.connections)
    found.cpu.append(cpu)
    found.rate.append(rate)
    found.bad += bad
    if line.floor and not brief:
        with bench.meter.others() as others:
            p50, p99 = waiting(url, asks, rate, seconds)
        found.p50.append(p50)
        found.p99.append(p99)
        found.others += others
        with floor_of(bench, asks[0], folder) as (url, meter):
            cpu, rate, _ = cpu_per_request(meter, url, [Ask("/")], 1, folder)
            p50, p99 = waiting(url, [Ask("/")], rate, seconds)
        found.floor.append(cpu)
        found.floor_times.append(p99 / p50)


def main() -> None:
    words = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    words.add_argument("--size", default="S", choices=SIZES)
    words.add_argument("--stack", default="both", choices=("both", "embedded", "real"))
    words.add_argument("--rounds", default=5, type=int)
    words.add_argument("--seconds", default=2, type=float)
    words.add_argument(
        "--quick", action="store_true", help="print ratios to the committed figures, write nothing"
    )
    given = words.parse_args()
    stacks = ("embedded", "real") if given.stack == "both" else (given.stack,)
    rounds, seconds = (1, 2) if given.quick else (given.rounds, given.seconds)
    folder = Path(tempfile.mkdtemp(prefix="flasky-bench-"))
    try:
        for kind in stacks:
            with running(kind, SIZES[given.size], folder) as bench:
                if given.quick:
                    print(quick({bench.name: measured(bench, rounds, seconds, folder, brief=True)}))
                else:
                    print(keep({bench.name: whole(bench, rounds, seconds, folder)}))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def whole(bench: Bench, rounds: int, seconds: float, folder: Path) -> Run:
    memory = bench.meter.memory()
    megabytes, servers = sum(memory.values()), sum(memory.get(name, 0.0) for name in SERVERS)
    rows = measured(bench, rounds, seconds, folder, brief=False)
    ages = arrivals(bench)
    arrival = 1000 * quantile(ages, 0.5), 1000 * quantile(ages, 0.99)
    busy = sum(bench.meter.memory().values())
    return Run(
        machine(),
        megabytes,
        busy,
        bench.resting,
        rows,
        arrival,
        burst(bench, folder),
        servers,
        bench.yardstick,
        python(),
    )


if __name__ == "__main__":
    main()
