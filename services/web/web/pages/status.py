"""How the site is doing, for everybody: what works, what is away, what is behind."""

import threading
import time
from typing import Any, NamedTuple

from flask import Blueprint, current_app, g, jsonify

from chassis.access import public
from chassis.settings import settings

from ..clients import health, together
from ..errors import wants_page
from ..showing import about, show

KEPT_SECONDS = 3.0
FEATURES = {
    "auth": "Signing in, accounts and profiles",
    "posts": "Posts and comments",
    "social": "Timelines and followers",
}
pages = Blueprint("status", __name__)


class Feature(NamedTuple):
    """One thing that people do here. `state`: works, behind or away; `age` in seconds, if it is known."""

    name: str
    state: str
    age: float | None

    @property
    def words(self) -> str:
        if self.state == "behind":
            return f"Works, but news has not arrived for {about(self.age or 0)}"
        return "Works" if self.state == "works" else "Not available right now"


class Watch:
    """Asks the services, at most every few seconds however many people look."""

    def __init__(self) -> None:
        self._lock, self._seen, self._at = threading.Lock(), list[Feature](), float("-inf")

    def features(self) -> list[Feature]:
        with self._lock:
            if time.monotonic() - self._at > KEPT_SECONDS:
                ages = together(*(lambda service=service: health.age(service) for service in FEATURES))
                self._seen = [feature(name, age) for name, age in zip(FEATURES.values(), ages, strict=True)]
                self._at = time.monotonic()
            return self._seen


def feature(name: str, age: float | None) -> Feature:
    if age is None:
        return Feature(name, "away", None)
    return Feature(name, "behind" if age > settings.stale_after else "works", round(age, 1))


@pages.get("/status")
@public()
def status() -> Any:
    """A page, or JSON for programs; it comes while everything else is away."""
    g.pop("actor", None)
    found = current_app.extensions.setdefault("watch", Watch()).features()
    states = {each.state for each in found}
    whole = "away" if "away" in states else "behind" if "behind" in states else "works"
    if wants_page():
        return show("status.html", features=found, whole=whole)
    return jsonify(status=whole, features=[each._asdict() for each in found])
