"""`make capacity`: what each process needs and carries, on PostgreSQL and RabbitMQ; writes bench/capacity.md.

    python -m bench.capacity [--size S] [--seconds 4]

CPU is that of each process while wrk asks for one route as fast as it can, less what the process spends when
nobody asks. Requests per second and core are 1000 divided by the milliseconds of all processes together, so
they hold on any machine with cores like these, however many it has.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from chassis.testing.polling import eventually
from deploy.local.stack import SERVICES, unready

from .blog import Bench, running
from .data import SIZES
from .load import wrk
from .report import machine
from .run import IDLE_SECONDS
from .table import LINES, Line, writes

SHEET = Path(__file__).parent / "capacity.md"
WORKERS = tuple(f"{name}-worker" for name in SERVICES)
SHOWN = ("gateway", "web", "auth", "posts", "social", "workers", "Postgres", "RabbitMQ")
READY_AT = {"gateway": "gateway-ops"}
LONGEST = 120.0  # seconds until all events of a burst have arrived
Spent = dict[str, float]  # seconds of CPU, or milliseconds a request, by process


@dataclass(frozen=True)
class Route:
    name: str
    cost: Spent
    answered: int
    bad: int

    @property
    def refused(self) -> bool:
        """A refusal costs less than an answer: such a figure says nothing."""
        return self.bad > self.answered / 100

    @property
    def total(self) -> float:
        return sum(self.cost.values())


@dataclass(frozen=True)
class Burst:
    """`handled` counts an event once for each service that heard it."""

    written: int
    handled: int
    seconds: float
    cost: Spent


def grouped(by_process: Spent) -> Spent:
    """The three workers as one."""
    found = dict.fromkeys(SHOWN, 0.0)
    for name, value in by_process.items():
        found["workers" if name in WORKERS else name] += value
    return found


def spending(bench: Bench, resting: Spent, act: Callable[[], float]) -> Spent:
    """CPU that each process spends on what `act` does, which returns how many seconds that took."""
    before = bench.meter.cpu()
    seconds = act()
    after = bench.meter.cpu()
    return {name: max(after[name] - before[name] - resting.get(name, 0) * seconds, 0.0) for name in before}


def idle(bench: Bench) -> Spent:
    """Seconds of CPU of each process in a second in which nobody asks."""
    before = bench.meter.cpu()
    time.sleep(IDLE_SECONDS)
    return {name: (spent - before[name]) / IDLE_SECONDS for name, spent in bench.meter.cpu().items()}


def route(bench: Bench, line: Line, resting: Spent, seconds: float, folder: Path) -> Route:
    asks, drives = line.asks(bench), []

    def act() -> float:
        drives.append(wrk(bench.stack.url, asks, seconds, folder, line.connections))
        return drives[0].seconds

    spent = grouped(spending(bench, resting, act))
    answered = max(drives[0].requests, 1)
    cost = {name: 1000 * value / answered for name, value in spent.items()}
    return Route(line.name, cost, answered, drives[0].bad)


def count(bench: Bench, service: str, query: str) -> int:
    engine = sa.create_engine(bench.stack.environment(service)["DATABASE_URL"], poolclass=sa.NullPool)
    with engine.connect() as connection:
        return int(connection.scalar(sa.text(query)) or 0)


def handled(bench: Bench) -> int:
    return sum(count(bench, service, "SELECT count(*) FROM inbox") for service in SERVICES)


def written(bench: Bench) -> int:
    return sum(count(bench, service, "SELECT count(*) FROM outbox") for service in SERVICES)


def arrived(bench: Bench) -> None:
    """Waits until everything is sent and nothing more is handled."""
    deadline, before = time.monotonic() + LONGEST, -1
    unsent = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"
    while any(count(bench, service, unsent) for service in SERVICES) or handled(bench) != before:
        before = handled(bench)
        assert time.monotonic() < deadline, "the events of the burst do not arrive"
        time.sleep(0.2)


def burst(bench: Bench, resting: Spent, seconds: float, folder: Path) -> Burst:
    """Posts as fast as they are taken, until the last event has its effect."""
    events, effects = written(bench), handled(bench)
    asks, took = writes(bench), []

    def act() -> float:
        began = time.monotonic()
        wrk(bench.stack.url, asks, seconds, folder)
        arrived(bench)
        took.append(time.monotonic() - began)
        return took[0]

    cost = grouped(spending(bench, resting, act))
    return Burst(written(bench) - events, handled(bench) - effects, took[0], cost)


def start_again(bench: Bench) -> Spent:
    """Seconds from the start of each process until it says it is ready."""
    stack, took = bench.stack, {}
    for name in stack.processes:
        stack.stop(name)
        began = time.monotonic()
        stack.start(name)
        port = stack.ports[READY_AT.get(name) or name]
        eventually(lambda: not unready(port), within=60)  # noqa: B023 - asked before the next one
        took[name] = time.monotonic() - began
    return took


def sheet(processes: list[Spent], routes: list[Route], events: Burst) -> str:
    """`processes`: memory before and after the load, CPU at rest, and how long they take to start."""
    return "\n".join(
        [
            "# What it needs and what it carries",
            "",
            "Written by `make capacity`, not by hand. " + " ".join(__doc__.split("\n\n")[2].split()),
            "",
            machine(),
            "",
            "## Memory and CPU of each process",
            "",
            "Proportional set size in MB (what is shared counts once), before any request and after all of"
            " them; CPU of one core while nobody asks; seconds from a start until it says it is ready.",
            "",
            *memory_of(*processes),
            "",
            "## Requests, in milliseconds of CPU of each process",
            "",
            *costs_of(routes),
            "",
            "## Events",
            "",
            rates_of(events),
            "",
            "How to size by these figures, and when to pool and to replicate: docs/runbooks/scaling.md.",
        ]
    )


def memory_of(before: Spent, after: Spent, resting: Spent, starts: Spent) -> list[str]:
    total = f"{sum(before.values()):.0f} | {sum(after.values()):.0f} | {sum(resting.values()):.1%}"
    return [
        "| process | idle MB | after the load | idle CPU | ready after |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {before[name]:.0f} | {after[name]:.0f} | {resting[name]:.1%} |"
            f" {f'{starts[name]:.1f}' if name in starts else '–'} |"
            for name in before
        ),
        f"| all | {total} | |",
    ]


def costs_of(routes: list[Route]) -> list[str]:
    """A route that was refused has a sentence instead of a row."""
    return [
        f"| route | requests/s and core | {' | '.join(SHOWN)} |",
        "|---|" + "---|" * (len(SHOWN) + 1),
        *(
            " | ".join(
                (f"| {one.name} | {1000 / one.total:.0f}", *(f"{one.cost[name]:.2f}" for name in SHOWN))
            )
            + " |"
            for one in routes
            if not one.refused
        ),
        *(
            f"\nNo figure for {one.name}: {one.bad} of {one.answered} requests were refused or failed,"
            " and that costs less than an answer."
            for one in routes
            if one.refused
        ),
    ]


def rates_of(events: Burst) -> str:
    workers = max(events.cost["workers"], 0.01)
    return (
        f"{events.written} events were written and had {events.handled} effects within {events.seconds:.1f} s"
        f" of the first: {events.handled / events.seconds:.0f} effects a second beside the writing itself;"
        f" {events.handled / workers:.0f} a second for each core that workers have."
    )


def main() -> None:
    words = argparse.ArgumentParser(prog="make capacity", description=__doc__.splitlines()[0])
    words.add_argument("--size", default="S", choices=SIZES)
    words.add_argument("--seconds", default=4, type=float)
    given = words.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="flasky-capacity-"))
    try:
        with running("real", SIZES[given.size], folder) as bench:
            before, resting = bench.meter.memory(), idle(bench)
            routes = [route(bench, line, resting, given.seconds, folder) for line in LINES]
            arrived(bench)
            events = burst(bench, resting, given.seconds, folder)
            processes = [before, bench.meter.memory(), resting, start_again(bench)]
            SHEET.write_text(sheet(processes, routes, events) + "\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(SHEET.read_text())


if __name__ == "__main__":
    main()
