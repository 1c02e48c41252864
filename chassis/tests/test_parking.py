"""What is kept of a message that cannot be handled; and no such message keeps others waiting."""

import json
import time

import pytest
import sqlalchemy as sa
from shop.app import MADE, Box, db

from chassis import forgetting, inbox
from chassis.bus import Delivery
from chassis.events import Event, iso, now

LARGE = "secret " * 160_000
TODAY = "2026-01-01T00:00:00Z"


def event(label="box", about=5, **members):
    """As the bus brings it, whatever its members are."""
    told = Event(MADE, "1", 1, {"id": 1, "label": label}, "/shop", "e1", iso(now()), about=about)
    return Delivery(MADE, json.dumps(told.members() | members).encode())


def arrive(shop, *deliveries):
    for delivery in deliveries:
        inbox.receive(shop.app, [delivery])


def labels(shop):
    with shop.app.app_context():
        return {row["label"] for row in db.rows(sa.select(Box.label))}


def fails(shop, monkeypatch, handler):
    entries = shop.app.extensions["consumers"]._entries
    monkeypatch.setitem(entries, MADE, inbox.Entry(handler, entries[MADE].reads))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (event(LARGE), "larger than 1048576 bytes"),
        (event("secret", version="new"), "the member 'version' is not a whole number"),
        (event(data=["secret"]), "the member 'data' is not an object"),
        (event(id="secret" * 40), "the member 'id' is missing or not a short text"),
    ],
)
def test_of_what_cannot_be_read_the_envelope_is_kept_and_whose_it_is(shop, given, reason):
    arrive(shop, given)
    shop.internal().post("/internal/dead/retry")
    inbox.retry_due(shop.app)
    [parked] = shop.parked()
    assert (parked["reason"], parked["about"], parked["tries"]) == (reason, 5, 2)
    assert b"secret" not in bytes(parked["body"])
    assert json.loads(bytes(parked["body"]))["source"] == "/shop"


@pytest.mark.parametrize("body", [b"secret", b'["secret"]', b'{"secret": "secret"}'])
def test_nothing_is_kept_of_what_is_nobodys(shop, body):
    arrive(shop, Delivery(MADE, body))
    [parked] = shop.parked()
    assert (bytes(parked["body"]), parked["about"]) == (b"", None)


def test_an_event_that_the_bus_gave_up_is_kept_whole_and_once_and_can_be_tried_again(shop):
    for _ in range(2):
        shop.receive(MADE, 1, 1, {"id": 1, "label": "box"}, "e1", about=5, dead="given up")
    [parked] = shop.parked()
    assert (parked["event_id"], parked["about"], parked["reason"]) == ("e1", 5, "given up")
    shop.internal().post("/internal/dead/retry")
    inbox.retry_due(shop.app)
    assert (labels(shop), shop.parked()) == ({"box"}, [])


def test_what_comes_late_of_somebody_forgotten_goes_when_it_is_given_up(shop):
    for about in (5, 6):
        shop.receive(MADE, about, 1, {"id": about, "label": "poison"}, about=about)
    forgotten = sa.select(sa.literal(5))
    with shop.app.app_context():
        forgetting.settle_late(forgotten)
    assert {row["about"] for row in shop.parked()} == {5, 6}  # it will be tried again
    shop.try_again()
    with shop.app.app_context():
        forgetting.settle_late(forgotten)
    assert {row["about"] for row in shop.parked()} == {6}


@pytest.mark.parametrize(
    ("name", "odd"),
    [*((name, "a\0b") for name in ("id", "type", "subject", "source")), ("id", "a\nb"), ("id", "a\x1b[2J")],
)
def test_a_name_that_cannot_be_printed_keeps_nobody_waiting(shop, name, odd):
    arrive(shop, event(**{name: odd}), event())
    assert [row["reason"] for row in shop.parked()] == [
        f"the member {name!r} has characters that cannot be printed"
    ]
    assert labels(shop) == {"box"}


def test_what_the_database_refuses_in_a_type_or_a_reason_keeps_nobody_waiting(shop, monkeypatch):
    def complain(_):
        raise RuntimeError("what is a\0b?")

    fails(shop, monkeypatch, complain)
    arrive(shop, Delivery("a\0b", b"not JSON"), event())
    shop.try_again()
    said = [(row["type"], row["reason"]) for row in shop.parked()]
    assert said == [("a?b", "not JSON"), (MADE, "RuntimeError: what is a?b?")]


@pytest.mark.parametrize(
    ("subject", "as_of"),
    [("shop\0", TODAY), ("s" * 201, TODAY), ("shop", "0001-01-01T00:00:00+14:00")],
)
def test_a_watermark_that_cannot_be_kept_is_dropped(shop, subject, as_of):
    shop.receive("shop.watermark.v1", subject, 0, {"as_of": as_of})
    arrive(shop, event())
    assert (labels(shop), shop.parked()) == ({"box"}, [])


@pytest.mark.only_real
def test_a_watermark_of_a_source_with_a_long_name_is_dropped(shop):
    shop.receive("shop.watermark.v1", "s" * 51, 0, {"as_of": TODAY})
    assert shop.parked() == []


def test_the_name_of_a_type_may_be_longer_than_what_is_kept_of_it(shop):
    long = "x" * 200
    arrive(shop, event(type=long), Delivery(long, b"not JSON"), event())
    assert [row["type"] for row in shop.parked()] == [long[:100]] * 2
    assert labels(shop) == {"box"}


def test_a_watermark_that_the_bus_gave_up_is_dropped(shop):
    shop.receive("shop.watermark.v1", "shop", 0, {"as_of": TODAY}, dead="given up")
    assert shop.parked() == []


def test_what_is_not_due_is_not_tried(shop):
    """Not even together with what is."""
    for number in (1, 2):
        shop.receive(MADE, number, 1, {"id": number, "label": "poison"})
    first, _ = shop.parked()
    with shop.app.app_context():
        db.session.execute(
            sa.update(db.parked).where(db.parked.c.id == first["id"]).values(next_try_at=now())
        )
        db.session.commit()
    inbox.retry_due(shop.app)
    assert [row["tries"] for row in shop.parked()] == [2, 1]


def parked_metric(shop):
    lines = shop.anonymous().get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("events_parked "))


def test_what_still_has_a_try_waits_for_nobody(shop):
    shop.receive(MADE, 1, 1, {"id": 1, "label": "poison"})
    assert parked_metric(shop) == 0
    shop.try_again()
    assert parked_metric(shop) == 1


def test_slow_tries_stop_now_and_then_so_that_the_worker_is_not_taken_for_hanging(shop, monkeypatch):
    monkeypatch.setattr(inbox, "AT_A_TIME", 0.1)
    for number in range(1, 8):
        shop.receive(MADE, number, 1, {"id": number, "label": "poison"})
    with shop.app.app_context():
        db.session.execute(sa.update(db.parked).values(next_try_at=now()))
        db.session.commit()
    fails(shop, monkeypatch, lambda _: time.sleep(0.04))
    assert inbox.retry_due(shop.app) is True
    assert 0 < len(shop.parked()) < 7
    while inbox.retry_due(shop.app):
        pass
    assert shop.parked() == []
