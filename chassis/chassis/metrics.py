"""Metrics in Prometheus' format: requests (rate, errors, duration), events on their way, the age of the
oldest that waits.

Counters live in the process; ages are read from the database when somebody asks. Names: https://prometheus.io/docs/practices/naming/
"""

import os
import time
from collections.abc import Iterable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, has_request_context, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    generate_latest,
    multiprocess,
)
from prometheus_client.registry import Collector

DELAYS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60, 300, 3600)
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

REQUESTS = Counter("http_requests_total", "Requests answered.", ["method", "route", "status"])
DURATION = Histogram(
    "http_request_duration_seconds", "Time to the answer.", ["method", "route"], buckets=BUCKETS
)
BUSY = Gauge(
    "http_requests_in_progress", "Requests being answered in this process.", multiprocess_mode="livesum"
)
THREADS = Gauge(
    "http_threads", "Requests that this process can answer at the same time.", multiprocess_mode="livesum"
)
LOOPS = Gauge("http_loops", "Loops that answer: one of each worker.", multiprocess_mode="livesum")
ALONE = Counter("http_loop_busy_seconds_total", "Time in which the loop computed, and nobody else listened.")
RECORDED = Counter("events_recorded_total", "Events committed together with their cause.", ["type"])
SENT = Counter("events_sent_total", "Events that the bus has confirmed.")
UNROUTABLE = Counter(
    "events_unroutable_total", "Times an event was refused by the bus because no queue takes it."
)
QUEUES_MADE = Counter(
    "queues_made_total", "Times a consumer found its queue gone: what was in it is lost, resend is needed."
)
HANDLED = Counter("events_handled_total", "Events whose effect was committed.", ["type"])
REPEATED = Counter("events_repeated_total", "Events that had been handled before.")
DELAY = Histogram(
    "event_delay_seconds", "From the fact to its committed effect here.", ["type"], buckets=DELAYS
)
FAILED = Counter("events_failed_total", "Tries of an event that failed.", ["type"])
FORGOTTEN = Counter("rows_forgotten_total", "Rows whose time to be kept was over.", ["table"])
RELAYS = Gauge("relays_running", "Relays running in this process.", multiprocess_mode="livesum")
CONSUMERS = Gauge("consumers_running", "Consumers running in this process.", multiprocess_mode="livesum")
DRIFT = Counter(
    "audit_drift_total", "Rows of a copy that were not as their owner holds them.", ["copy", "kind"]
)
BUS_REFUSES = Gauge(
    "bus_refuses_events", "1 while events wait because they cannot be sent.", multiprocess_mode="livemax"
)
IN_HAND = Gauge(
    "event_in_hand_age_seconds", "Age of the event being handled now.", multiprocess_mode="livemax"
)


@lru_cache(4096)
def _counter(method: str, route: str, status: int) -> Any:
    return REQUESTS.labels(method, route, str(status))


@lru_cache(1024)
def _histogram(method: str, route: str) -> Any:
    return DURATION.labels(method, route)


def _start() -> None:
    g.started = time.perf_counter()
    BUSY.inc()


def _end(_: BaseException | None) -> None:
    if has_request_context() and g.pop("started", None):
        BUSY.dec()


def _count(response: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "unmatched"
    method = (
        request.method
        if request.method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
        else "OTHER"
    )
    _counter(method, route, response.status_code).inc()
    _histogram(method, route).observe(time.perf_counter() - g.started)
    return response


def scrape(app: Flask) -> Response:
    text = generate_latest(_process_registry()) + generate_latest(app.extensions["metrics"])
    return Response(text, content_type=CONTENT_TYPE_LATEST)


def _process_registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(Processes())
    return registry


class Processes(Collector):
    """Memory, CPU and open files of a server's several processes, `pid` by `pid`, which nobody else tells.

    Shared memory is divided among those who share it, so that the sum is what all of them take.
    """

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for pid in sorted(live()):
            for each in ProcessCollector(pid=partial(str, pid), registry=None).collect():
                family = families.setdefault(each.name, Metric(each.name, each.documentation, each.type))
                for sample in each.samples:
                    share = resident(pid) if sample.name == "process_resident_memory_bytes" else None
                    family.add_sample(sample.name, {"pid": str(pid)}, share or sample.value)
        return families.values()


def live() -> set[int]:
    """The server, and those of its processes whose live gauges are still kept."""
    kept = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("gauge_live*_*.db")
    return {os.getppid()} | {int(path.stem.rpartition("_")[2]) for path in kept}


def resident(pid: int) -> float | None:
    """Bytes, each page divided by the number of those who have it (Linux: `Pss`)."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    return next(
        (float(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), None
    )


def install(app: Flask) -> None:
    app.extensions["metrics"] = CollectorRegistry()
    app.before_request(_start)
    app.teardown_request(_end)
    app.after_request(_count)
