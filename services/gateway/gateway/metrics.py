"""What the gateway counts besides requests: the services it asks, and how it learns who is asking."""

from functools import lru_cache
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from chassis.metrics import BUCKETS, DURATION, REQUESTS

METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))

TRIES = Counter("gateway_upstream_tries_total", "Requests sent to a service.", ["upstream", "outcome"])
RETRIES = Counter("gateway_upstream_retries_total", "Second tries of a request.", ["upstream"])
WAITED = Histogram("gateway_upstream_seconds", "Time to a service's answer.", ["upstream"], buckets=BUCKETS)
BREAKER = Gauge(
    "gateway_breaker_open", "1 while a service is left alone.", ["upstream"], multiprocess_mode="livemax"
)
SHED = Counter("gateway_shed_total", "Requests refused because their service has no room.", ["upstream"])
IDENTITIES = Counter("gateway_identities_total", "How it was learnt who is asking.", ["way"])
POLLED = Gauge(
    "gateway_changes_read_seconds",
    "When auth's changes were last read (Unix time).",
    multiprocess_mode="livemax",
)

LIMITED = Counter("gateway_limited_total", "Requests refused by a limit.", ["limit"])
LIMITS_SHARED = Gauge(
    "gateway_limits_shared", "1 while limits are counted in Redis.", multiprocess_mode="livemin"
)


@lru_cache(4096)
def _request(method: str, route: str, status: int) -> tuple[Any, Any]:
    method = method if method in METHODS else "OTHER"
    return REQUESTS.labels(method, route, str(status)), DURATION.labels(method, route)


def answered(method: str, route: str, status: int, seconds: float) -> None:
    counter, histogram = _request(method, route, status)
    counter.inc()
    histogram.observe(seconds)


@lru_cache(256)
def _try(upstream: str, outcome: str) -> tuple[Any, Any]:
    return TRIES.labels(upstream, outcome), WAITED.labels(upstream)


def tried(upstream: str, outcome: str, seconds: float) -> None:
    counter, histogram = _try(upstream, outcome)
    counter.inc()
    histogram.observe(seconds)


@lru_cache(32)
def _identity(way: str) -> Any:
    return IDENTITIES.labels(way)


def identified(way: str) -> None:
    _identity(way).inc()


def limited(name: str) -> None:
    LIMITED.labels(name).inc()
