"""Many events at once: they share a transaction, and one that fails is alone with it."""

import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from shop.app import MADE, Seen, db
from shop.shelf import database_away, labels

from chassis import freshness, handling, inbox
from chassis.bus import Away, Delivery
from chassis.events import Event, iso, now
from chassis.testing.crossing import waits_for_a_lock
from chassis.testing.polling import eventually


def told(*boxes):
    """As the bus delivers news of boxes: (number, version, label)."""
    events = [
        Event(MADE, str(id), version, {"id": id, "label": label}, "/test", f"{id} {version}", iso(now()))
        for id, version, label in boxes
    ]
    return [Delivery(event.type, event.to_json()) for event in events]


def settle(shop, deliveries):
    """Gives them to the inbox until all are settled; how many it took each time."""
    taken = []
    while deliveries:
        taken.append(inbox.receive(shop.app, deliveries))
        deliveries = deliveries[taken[-1] :]
    return taken


@contextmanager
def commits(shop):
    """How often the database was written to."""
    seen = []
    with shop.app.app_context():
        engine = db.engine
    hook = lambda _: seen.append(1)  # noqa: E731
    sa.event.listen(engine, "commit", hook)
    yield seen
    sa.event.remove(engine, "commit", hook)


def test_events_that_wait_in_a_row_share_a_transaction(shop, monkeypatch):
    monkeypatch.setattr(handling, "TOGETHER_SECONDS", 60)
    row = [(number, 1, f"box {number}") for number in range(1, 41)]
    with commits(shop) as seen:
        assert settle(shop, told(*row, (7, 1, "twice"), (8, 2, "newer"), (9, 0, "older"))) == [43]
    assert len(seen) == 1
    expected = {1000 + number: label for number, _, label in row}
    assert labels(shop) == expected | {1008: "newer"}


def test_each_event_of_a_row_finds_what_the_one_before_has_made(shop, monkeypatch):
    found, kept = [], []

    def count(event):
        seen = db.session.get(Seen, 1) or Seen(id=1, label="", version=0)
        db.session.add(seen)
        db.session.flush()
        kept.append(seen)
        found.append(seen.version)
        one_more = sa.update(Seen.__table__).values(version=Seen.version + 1)
        db.session.execute(one_more)

    monkeypatch.setattr(handling, "TOGETHER_SECONDS", 60)
    entries = shop.app.extensions["consumers"]._entries
    monkeypatch.setitem(entries, MADE, inbox.Entry(count, entries[MADE].reads))
    assert settle(shop, told(*((number, 1, "box") for number in range(1, 5)))) == [4]
    assert found == [0, 1, 2, 3]


def test_a_transaction_that_has_taken_long_ends_and_the_rest_is_another(shop, monkeypatch):
    monkeypatch.setattr(handling, "TOGETHER_SECONDS", -1)
    assert settle(shop, told(*((number, 1, "box") for number in range(1, 4)))) == [1, 1, 1]
    assert len(labels(shop)) == 3


def test_one_that_fails_among_many_is_put_aside_alone(shop, monkeypatch):
    monkeypatch.setattr(handling, "TOGETHER_SECONDS", 60)
    row = [(number, 1, "poison" if number in (1, 6, 10) else f"box {number}") for number in range(1, 11)]
    settle(shop, told(*row))
    assert sorted(labels(shop)) == [1000 + number for number in (2, 3, 4, 5, 7, 8, 9)]
    aside = [(json.loads(bytes(row["body"]))["subject"], row["tries"]) for row in shop.parked()]
    assert aside == [("1", 1), ("6", 1), ("10", 1)]


def test_what_cannot_be_read_among_many_is_parked_alone(shop):
    good = told(*((number, 1, "box") for number in range(1, 6)))
    strange, given_up = Delivery("x", b"not JSON"), Delivery(MADE, b"", "given up")
    settle(shop, [*good[:2], strange, *good[2:4], given_up, good[4]])
    assert len(labels(shop)) == 5
    assert [row["reason"] for row in shop.parked()] == ["not JSON", "given up"]


def watermark(seconds_ago):
    at = iso(now() - timedelta(seconds=seconds_ago))
    event = Event("shop.watermark.v1", "shop", 0, {"as_of": at}, "/shop", f"w{seconds_ago}", at)
    return Delivery(event.type, event.to_json())


def seconds_behind(shop):
    with shop.app.app_context():
        return round((now() - freshness.known()["shop"]).total_seconds(), -1)


def test_watermarks_part_no_row_and_share_a_transaction(shop, monkeypatch):
    monkeypatch.setattr(handling, "TOGETHER_SECONDS", 60)
    news = told(*((number, 1, "box") for number in range(1, 21)))
    marks = [watermark(1000 - 10 * number) for number in range(20)]
    with commits(shop) as seen:
        assert settle(shop, [each for pair in zip(news, marks, strict=True) for each in pair]) == [40]
        assert settle(shop, [*marks, watermark(100)]) == [21]
    assert len(seen) == 3, "of the events, of the watermarks between them, and of those that came alone"
    assert (len(labels(shop)), seconds_behind(shop)) == (20, 100)


def test_a_watermark_overtakes_no_event(shop, monkeypatch):
    monkeypatch.setattr(handling, "TOGETHER_SECONDS", -1)
    first, second, third = told((1, 1, "one"), (2, 1, "two"), (3, 1, "three"))
    waiting, behind = [watermark(900), first, watermark(600), second, third, watermark(300)], []
    while waiting:
        del waiting[: inbox.receive(shop.app, waiting)]
        behind.append((len(labels(shop)), seconds_behind(shop)))
    assert behind == [(1, 600), (2, 600), (3, 600), (3, 300)]


def test_what_may_have_ended_a_process_is_tried_alone(shop, monkeypatch):
    monkeypatch.setattr(handling, "TOGETHER_SECONDS", 60)
    first, second, third = told((1, 1, "one"), (2, 1, "two"), (3, 1, "three"))
    assert settle(shop, [replace(first, again=True), replace(second, again=True), third]) == [1, 1, 1]
    fourth, fifth = told((4, 1, "four"), (5, 1, "five"))
    shop.app.extensions["hung"] = {"4 1"}
    assert settle(shop, [fourth, fifth]) == [1, 1]
    assert (len(labels(shop)), len(shop.parked())) == (4, 1)


def test_many_at_once_wait_for_a_database_that_is_away(shop):
    with database_away(), pytest.raises(Away):
        inbox.receive(shop.app, told((1, 1, "one"), (2, 1, "two")))
    assert (labels(shop), shop.parked()) == ({}, [])


@pytest.mark.only_real
def test_many_at_once_let_go_of_their_rows_before_a_request_must_be_refused(shop, monkeypatch):
    """Each waits for a row of the other's; the server would end the one that has waited longer."""
    monkeypatch.setattr(handling, "TOGETHER_SECONDS", 60)
    settle(shop, told((1, 1, "one"), (2, 1, "two")))
    entries, held, refused = shop.app.extensions["consumers"]._entries, threading.Event(), []
    keep, lock = entries[MADE].handler, sa.text("UPDATE seen SET label = label WHERE id = :id")

    def keep_later(event):
        if event.data.id == 2 and not held.is_set():
            held.set()
            eventually(lambda: waits_for_a_lock(shop))
        keep(event)

    def request():
        with shop.app.app_context(), db.engine.connect() as connection:
            connection.execute(lock, {"id": 2})
            begun.set()
            held.wait(10)
            try:
                connection.execute(lock, {"id": 1})
            except sa.exc.OperationalError as error:
                refused.append(error)
            connection.rollback()

    monkeypatch.setitem(entries, MADE, inbox.Entry(keep_later, entries[MADE].reads))
    begun, person = threading.Event(), threading.Thread(target=request)
    person.start()
    begun.wait(10)
    settle(shop, told((1, 2, "one!"), (2, 2, "two!")))
    person.join(10)
    assert (refused, shop.parked()) == ([], [])
    assert labels(shop) == {1001: "one!", 1002: "two!"}
