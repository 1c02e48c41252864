"""Freshness: how long ago copies were last known to be right; from the owner to the header of an answer."""

from datetime import timedelta

import sqlalchemy as sa
from shop.app import MADE, PACK, db

from chassis import freshness, openapi, outbox
from chassis.bus import Delivery, Message
from chassis.events import Event, iso, now
from chassis.inbox import receive
from chassis.parking import put_aside
from chassis.testing.polling import eventually
from chassis.worker import Worker

BOXES = "/api/v1/boxes/"


class Recorder:
    """A bus that takes everything and remembers it."""

    def __init__(self):
        self.events = []

    def publish(self, messages):
        self.events += [Event.parse(message.body) for message in messages]
        return {message.id for message in messages}


def caught_up(shop, seconds_ago):
    at = iso(now() - timedelta(seconds=seconds_ago))
    shop.receive("shop.watermark.v1", "shop", 0, {"as_of": at})
    shop.app.extensions["ages"]._read_at = float("-inf")


def age(shop):
    shop.app.extensions["ages"]._read_at = float("-inf")
    told = shop.as_("ann").get(BOXES).headers.get("X-Freshness")
    return None if told is None else int(told)


def make(shop, label="box"):
    return shop.as_("ann", PACK).post(BOXES, json={"label": label})


def test_an_answer_says_how_old_it_may_be(shop):
    assert age(shop) is None
    caught_up(shop, 100)
    assert 100 <= age(shop) < 160
    caught_up(shop, 0)
    assert age(shop) < 60


def test_only_answers_that_are_fed_by_events_say_so(shop):
    caught_up(shop, 100)
    assert "X-Freshness" not in shop.anonymous().get("/api/v1/door").headers
    assert "X-Freshness" not in shop.anonymous().get(BOXES).headers
    [paths] = [openapi.document(shop.app, "1")["paths"]]
    assert "X-Freshness" in paths["/api/v1/boxes/"]["get"]["responses"]["200"]["headers"]
    assert "headers" not in paths["/api/v1/door"]["get"]["responses"]["200"]


def test_many_answers_in_a_second_read_it_once(shop):
    caught_up(shop, 100)
    once = shop.statements(lambda: shop.as_("ann").get(BOXES))
    assert shop.statements(lambda: [shop.as_("ann").get(BOXES) for _ in range(3)]) == 3 * once


def test_what_waits_for_another_try_has_not_arrived(shop):
    caught_up(shop, 0)
    event = Event(MADE, "1", 1, {"id": 1, "label": "poison"}, "/shop", "e1", iso(now() - timedelta(hours=1)))
    receive(shop.app, [Delivery(MADE, event.to_json())])
    assert age(shop) >= 3600
    with shop.app.app_context():
        db.session.execute(sa.update(db.parked).values(next_try_at=None))
        db.session.commit()
    assert age(shop) < 60, "what was given up waits for a person; audits repair the copy"


def test_however_much_of_one_kind_waits_another_kind_has_not_arrived_either(shop):
    caught_up(shop, 0)
    spoken = now() - timedelta(hours=1)
    kinds = ["another.thing.v1"] * 150 + [MADE]
    events = [
        Event(kind, "1", 1, {}, "/shop", f"e{number}", iso(spoken)) for number, kind in enumerate(kinds)
    ]
    with shop.app.app_context():
        for event in events:
            put_aside(Delivery(event.type, event.to_json()), "not yet")
    assert age(shop) >= 3600


def test_poison_makes_nothing_older(shop):
    caught_up(shop, 0)
    receive(shop.app, [Delivery(MADE, b"not JSON")])
    assert (len(shop.parked()), age(shop) < 60) == (1, True)


def test_a_watermark_is_never_parked_nor_counted_as_an_event(shop):
    for data in ({}, {"as_of": 7}, {"as_of": "yesterday"}, {"as_of": "2026-01-01T00:00:00"}):
        shop.receive("shop.watermark.v1", "shop", 0, data)
    caught_up(shop, 0)
    with shop.app.app_context():
        handled = db.value(sa.select(sa.func.count()).select_from(db.inbox))
    assert (shop.parked(), handled, shop.outbox()) == ([], 0, [])


def test_a_clock_that_went_ahead_hides_nothing_that_is_late(shop, monkeypatch):
    caught_up(shop, -24 * 3600)
    monkeypatch.setattr(freshness, "now", lambda: now() + timedelta(hours=3))
    assert age(shop) >= 3 * 3600


def test_what_was_noted_ahead_of_time_is_set_right_by_the_next_watermark(shop):
    """A release before this one believed such a clock, or this machine's own was wrong."""
    caught_up(shop, 0)
    with shop.app.app_context():
        db.session.execute(sa.update(db.freshness).values(as_of=now() + timedelta(days=1)))
        db.session.commit()
    caught_up(shop, 3 * 3600)
    assert age(shop) >= 3 * 3600


def test_of_watermarks_that_come_together_the_newest_counts_in_whatever_order(shop):
    """Two relays of one service may overtake each other."""
    marks = []
    for seconds in (600, 100, 300):
        at = iso(now() - timedelta(seconds=seconds))
        event = Event("shop.watermark.v1", "shop", 0, {"as_of": at}, "/shop", f"w{seconds}", at)
        marks.append(Delivery(event.type, event.to_json()))
    assert receive(shop.app, marks) == 3
    assert 100 <= age(shop) < 160


def test_the_owner_says_it_only_when_nothing_waits(shop):
    bus, teller = Recorder(), freshness.Teller(shop.app)
    make(shop)
    with shop.app.app_context():
        teller.tell(bus)
        assert bus.events == []
        outbox.relay(shop.app, bus)
        teller.tell(bus)
        teller.tell(bus)
    assert [event.type for event in bus.events] == [MADE, "shop.watermark.v1"], "and about every two seconds"
    assert iso(now() - timedelta(minutes=1)) < bus.events[1].data["as_of"] <= iso(now())


def test_insiders_can_ask_for_the_age_of_each_source(shop):
    caught_up(shop, 100)
    assert shop.anonymous().get("/internal/freshness").status_code == 401
    assert 100 <= shop.internal().get("/internal/freshness").json["ages"]["shop"] < 160
    assert 'copy_age_seconds{of="shop"} 1' in shop.anonymous().get("/metrics").text


def takes(doors, type):
    """Whether any queue takes it."""
    bus = doors.app.extensions["bus"]
    publisher = bus.publisher()
    event = Event(type, "shop", 0, {"as_of": iso(now())}, "/shop", "x", iso(now()))
    taken = publisher.publish([Message("x", type, event.to_json())])
    publisher.close()
    return bool(taken)


def test_workers_keep_copies_fresh_and_only_they_ask_for_watermarks(wired):
    """An older worker that still runs after `prepare` gets none: it would not know what they are."""
    assert wired.app.test_cli_runner().invoke(args=["prepare"]).exit_code == 0
    assert not takes(wired, "shop.watermark.v1")
    worker = Worker(wired.app, [])
    worker.start()
    eventually(lambda: age(wired) is not None)
    make(wired, "one more")
    with wired.app.app_context():
        made = now()
        eventually(lambda: freshness.known()["shop"] > made)
    assert wired.app.test_cli_runner().invoke(args=["prepare"]).exit_code == 0
    assert takes(wired, "shop.watermark.v1"), "prepare again, while it works, takes nothing away"
    worker.stop()
    assert wired.parked() == []


def test_prepare_of_a_version_without_watermarks_takes_them_away(wired):
    """Going back: the older code's list of types is all that it knows of."""
    bus = wired.app.extensions["bus"]
    wired.app.test_cli_runner().invoke(args=["prepare"])
    worker = Worker(wired.app, [])
    worker.start()
    eventually(lambda: takes(wired, "shop.watermark.v1"))
    worker.stop()
    bus.declare("shop", [MADE])
    assert not takes(wired, "shop.watermark.v1")
    assert takes(wired, MADE)
