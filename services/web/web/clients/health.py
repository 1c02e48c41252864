"""How the services are doing: each is asked how old its copies are, and answers or does not."""

import orjson

from chassis.problems import Refusal

from .calls import ask


def age(service: str) -> float | None:
    """The age of the oldest news that a service lives on, in seconds; nothing when it does not answer."""
    try:
        ages = orjson.loads(ask(service, "GET", "/internal/freshness", insider=True).body)["ages"]
    except (Refusal, orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return max(ages.values(), default=0.0)
