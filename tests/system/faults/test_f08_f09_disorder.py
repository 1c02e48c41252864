"""F8: events 1-5 times, shuffled within 200. F9: writers that pause between outbox and commit."""

import os
import random
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Event as Flag

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import posts.app
import social.app
from chassis import failpoints, outbox
from chassis.bus import Delivery
from chassis.events import Event, new_id
from chassis.inbox import receive
from chassis.testing.service import service_doors
from chassis.worker import TOLD

from ..rig.blog import LONG, long, told

posts_doors = service_doors("posts", posts.app.create_app, posts.app.Settings, web_threads=64)
social_doors = service_doors("social", social.app.create_app, social.app.Settings)
WRITE, COMMENT = 4, 2
WINDOW = 200
ANN = 1


def history(chance: random.Random, acts: int) -> list[Event]:
    """What posts would say of a few posts that are written, edited, commented on and removed."""
    events: list[Event] = []
    living: dict[int, tuple[int, int, int]] = {}  # post: version, comments, version of that number
    count = count_version = 0
    for number in range(1, acts + 1):
        kind = chance.choice(["post", "post", "edit", "comment", "remove"]) if living else "post"
        id = number if kind == "post" else chance.choice(list(living))
        version, comments, comments_version = living.get(id, (0, 0, 0))
        if kind == "comment":
            comments, comments_version = comments + 1, comments_version + 1
        else:
            version, count_version = version + 1, count_version + 1
            count += {"post": 1, "remove": -1}.get(kind, 0)
        living[id] = version, comments, comments_version
        if kind == "remove":
            del living[id]
        data = {
            "id": id,
            "post_id": id,
            "author_id": ANN,
            "body": f"{kind} {number}",
            "body_html": f"<p>{kind} {number}</p>",
            "published_at": f"2026-01-01T00:{number % 60:02}:00Z",
            "edited_at": None,
            "comment_count": comments,
            "comment_count_version": comments_version,
            "post_comment_count": comments,
            "post_comment_count_version": comments_version,
            "author_post_count": count,
            "author_post_count_version": count_version,
        }
        name = {"post": "post_published", "edit": "post_edited", "remove": "post_removed"}
        type = f"posts.{name.get(kind, 'comment_published')}.v1"
        events.append(Event(type, str(id), version, data, "/posts", new_id(), "2026-01-01T00:00:00Z"))
    return events


def disordered(chance: random.Random, events: list[Event]) -> list[Event]:
    """Each 1 to 5 times, some of them resent under another id, moved by up to the window."""
    copies = [
        replace(event, id=new_id()) if chance.random() < 0.1 else event
        for event in events
        for _ in range(chance.randint(1, 5))
    ]
    places = sorted(range(len(copies)), key=lambda place: place + chance.uniform(0, WINDOW))
    return [copies[place] for place in places]


def state(app, events):
    """What social makes of them, on an empty database."""
    db = app.extensions["sqlalchemy"]
    with app.app_context(), db.engine.begin() as connection:
        for table in ("inbox", "parked", "cards", "people"):
            connection.execute(sa.text(f"DELETE FROM {table}"))
    for event in events:
        receive(app, [Delivery(event.type, event.to_json())])
    cards = "SELECT id, author_id, body, version, comment_count, removed FROM cards ORDER BY id"
    people = "SELECT id, post_count, latest_id, follower_count, following_count FROM people ORDER BY id"
    with app.app_context():
        assert db.value(sa.text("SELECT count(*) FROM parked")) == 0
        return [[tuple(row.values()) for row in db.rows(sa.text(query))] for query in (cards, people)]


def truth(events: list[Event]) -> list[list[tuple[object, ...]]]:
    """What the history says itself: the newest of everything, by version."""
    cards: dict[int, dict[str, object]] = {}
    for event in events:
        card = cards.setdefault(event.data["id"], {"removed": False})
        if event.type.startswith("posts.post"):
            card |= {"body": event.data["body"], "version": event.version}
        card["removed"] = event.type == "posts.post_removed.v1"
        card["comments"] = event.data["comment_count"]
    return [
        [(id, card["version"], bool(card["removed"])) for id, card in sorted(cards.items())],
        [events[-1].data["author_post_count"]] if events else [],
    ]


def test_disorder_and_repetition_change_nothing(social_doors, stack):
    app, seen, worst = social_doors.app, 0, 0

    @settings(
        max_examples=long(1000, 8),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=not os.environ.get("FAULTS"),
    )
    @given(seed=st.integers(0, 2**63), acts=st.integers(2, 25))
    def run(seed, acts):
        nonlocal seen, worst
        chance = random.Random(seed)
        events = history(chance, acts)
        shuffled = disordered(chance, events)
        cards, people = state(app, shuffled)
        expected, count = truth(events)
        assert [(id, version, bool(removed)) for id, _, _, version, _, removed in cards] == expected
        assert [people[0][1]] == count
        assert all(number >= 0 for card in cards for number in (card[3], card[4]))
        assert (cards, people) == tuple(state(app, events)), "in order it would be something else"
        seen, worst = seen + len(shuffled), worst + 1

    run()
    told(
        "F8", stack, f"{worst} histories, {seen} deliveries, ×1-5, shuffled in {WINDOW}", "0 differences", "0"
    )


class Recorder:
    """A bus that takes everything and remembers it."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def publish(self, messages):
        self.ids += [message.id for message in messages]
        return {message.id for message in messages}


WRITERS = 64


def test_no_event_is_skipped_however_late_its_commit(posts_doors, stack, tmp_path, monkeypatch):
    """Ids are taken in one order and committed in another; the relay runs all the while.

    SQLite's writers take turns, so there each pause holds up all others: who is refused tries again, and the
    quick form pauses for less.
    """
    longest = 0.5 if LONG or stack == "real" else 0.05
    each = long(10, 2) if stack == "real" else 2
    monkeypatch.setattr(failpoints, "_folder", str(tmp_path))
    monkeypatch.setattr(failpoints, "_taken", lambda path: paused(path, longest))
    app, bus, done = posts_doors.app, Recorder(), Flag()
    people = [posts_doors.as_("ann", WRITE | COMMENT, id=number + 1) for number in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS + 1) as pool:
        sending = pool.submit(send, app, bus, done)
        try:
            refused = sum(pool.map(lambda person: write(person, each), people))
        finally:
            done.set()
        sending.result()
    with app.app_context():
        while outbox.relay(app, bus):
            pass
        db = app.extensions["sqlalchemy"]
        written = {row["event_id"] for row in db.rows(sa.select(db.outbox.c.event_id))}
    assert len(written) == WRITERS * each
    skipped = written - set(bus.ids)
    injected = f"{WRITERS} writers pausing 0-{longest * 1000:.0f} ms, {len(written)} events"
    measured = f"{len(skipped)} skipped, {refused} refused for a moment"
    told("F9", stack, injected, measured, "0 skipped")
    assert not skipped


def write(person, texts):
    """So many texts, each until it is there; how often somebody was told to come again."""
    refused = 0
    for _ in range(texts):
        body = {"body": f"a text {uuid.uuid4().hex}"}
        while (answer := person.post("/api/v1/posts/", json=body)).status_code != 201:
            assert (answer.status_code, "Retry-After" in answer.headers) == (503, True), answer.text
            refused += 1
    return refused


def send(app, bus, done):
    """As the worker's relay does: a database that is busy is asked again."""
    with app.app_context():
        while not done.is_set():
            with suppress(*TOLD):
                outbox.relay(app, bus)
            time.sleep(0.005)


def paused(path, longest):
    """Between the row of the outbox and the commit."""
    return ["sleep", str(random.uniform(0, longest))] if path.name == "posts.write.outbox-row" else []
