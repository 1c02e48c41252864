"""Metrics in Prometheus' format: requests (rate, errors, duration), events on their way, the age of the
oldest that waits.

Counters live in the process; ages are read from the database when somebody asks. Names: https://prometheus.io/docs/practices/naming/
"""

import os
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from flask import Flask, Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

REQUESTS = Counter("http_requests_total", "Requests answered.", ["method", "route", "status"])
DURATION = Histogram(
    "http_request_duration_seconds", "Time to the answer.", ["method", "route"], buckets=BUCKETS
)
SENT = Counter("events_sent_total", "Events that the bus has confirmed.")
UNROUTABLE = Counter(
    "events_unroutable_total", "Times an event was refused by the bus because no queue takes it."
)
HANDLED = Counter("events_handled_total", "Events whose effect was committed.", ["type"])
REPEATED = Counter("events_repeated_total", "Events that had been handled before.")
FAILED = Counter("events_failed_total", "Tries of an event that failed.", ["type"])
RELAYS = Gauge("relays_running", "Relays running in this process.", multiprocess_mode="livesum")
CONSUMERS = Gauge("consumers_running", "Consumers running in this process.", multiprocess_mode="livesum")
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


class Waiting:
    """Ages and numbers of what waits, from the database at the moment of the scrape."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def collect(self) -> Iterable[GaugeMetricFamily]:
        db, reader = self._app.extensions["sqlalchemy"], self._app.extensions["reader"]
        unsent, parked = db.outbox, db.parked
        try:
            with reader.connect() as connection:
                oldest_unsent = connection.scalar(
                    sa.select(sa.func.min(unsent.c.created_at)).where(unsent.c.sent_at.is_(None))
                )
                given_up = connection.scalar(sa.select(sa.func.count()).where(parked.c.next_try_at.is_(None)))
                waiting = connection.scalar(
                    sa.select(sa.func.min(parked.c.first_failed_at)).where(parked.c.next_try_at.isnot(None))
                )
        except sa.exc.SQLAlchemyError:
            yield GaugeMetricFamily("database_up", "Whether the database answers.", value=0)
            return
        yield GaugeMetricFamily("database_up", "Whether the database answers.", value=1)
        yield GaugeMetricFamily(
            "outbox_oldest_unsent_age_seconds",
            "Age of the oldest event not yet sent.",
            value=_age(oldest_unsent),
        )
        yield GaugeMetricFamily(
            "inbox_oldest_unhandled_age_seconds",
            "Age of the oldest event waiting for another try.",
            value=_age(waiting),
        )
        yield GaugeMetricFamily("events_parked", "Events that wait for a person.", value=given_up or 0)


def _age(moment: datetime | None) -> float:
    return (datetime.now(UTC) - moment).total_seconds() if moment else 0.0


def scrape(app: Flask) -> Response:
    text = generate_latest(_process_registry()) + generate_latest(app.extensions["metrics"])
    return Response(text, content_type=CONTENT_TYPE_LATEST)


def _process_registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def install(app: Flask) -> None:
    app.extensions["metrics"] = CollectorRegistry()
    if "sqlalchemy" in app.extensions:
        app.extensions["metrics"].register(Waiting(app))  # type: ignore[arg-type]
    app.before_request(_start)
    app.after_request(_count)
