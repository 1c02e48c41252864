"""Events in: once each, in any order; what cannot be handled waits or is parked, the rest goes on."""

import time

import pytest
import sqlalchemy as sa
from shop.app import MADE, PACK, db
from shop.shelf import database_away, labels

from chassis import handling, inbox
from chassis.bus import Away, Delivery
from chassis.events import Event


def due_now(shop):
    with shop.app.app_context():
        db.session.execute(
            sa.update(db.parked).where(db.parked.c.next_try_at.isnot(None)).values(next_try_at=inbox.now())
        )
        db.session.commit()


def test_an_event_is_handled_once_however_often_it_comes(shop):
    id = shop.receive(MADE, 1, 1, {"id": 1, "label": "one"})
    shop.receive(MADE, 1, 1, {"id": 1, "label": "one again"}, id=id)
    assert labels(shop) == {1001: "one"}
    assert shop.parked() == []


def test_late_news_change_nothing(shop):
    shop.receive(MADE, 1, 2, {"id": 1, "label": "newer"})
    shop.receive(MADE, 1, 1, {"id": 1, "label": "older"})
    assert labels(shop) == {1001: "newer"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\x80\x04pickle", "not JSON"),
        (b"[]", "not a CloudEvents 1.0 envelope"),
        (b'{"specversion": "0.3"}', "not a CloudEvents 1.0 envelope"),
        (b'{"specversion": "1.0"}', "the member 'id' is missing"),
        (
            b'{"specversion":"1.0","id":"a","type":"b","subject":"1","source":"/x","version":"2","data":{}}',
            "'version'",
        ),
        (
            b'{"specversion":"1.0","id":"a","type":"b","subject":"1","source":"/x","version":2,"data":[]}',
            "'data'",
        ),
        (
            b'{"specversion":"1.0","id":"a","type":"b.c.v1","subject":"1","source":"/x","version":2,"data":{}}',
            "unknown type 'b.c.v1'",
        ),
        (b'"' + b"x" * (1024 * 1024) + b'"', "larger than"),
        (b"[" * 5000, "not JSON"),
    ],
)
def test_a_message_that_is_not_ours_is_parked_with_its_reason(shop, body, reason):
    inbox.receive(shop.app, [Delivery("x", body)])
    [parked] = shop.parked()
    assert reason in parked["reason"]
    assert parked["next_try_at"] is None


def test_data_that_cannot_be_read_names_the_member(shop):
    shop.receive(MADE, 1, 1, {"id": "x", "label": "one"})
    [parked] = shop.parked()
    assert parked["reason"].startswith("data.id: ")


def test_what_the_bus_gave_up_is_parked(shop):
    inbox.receive(shop.app, [Delivery(MADE, Event(MADE, "1", 1, {}, "/x", "id").to_json(), dead="given up")])
    assert [row["reason"] for row in shop.parked()] == ["given up"]


def test_an_event_that_fails_is_tried_four_times_then_parked_while_others_go_on(shop):
    shop.receive(MADE, 1, 1, {"id": 1, "label": "poison"})
    shop.receive(MADE, 2, 1, {"id": 2, "label": "good"})
    assert labels(shop) == {1002: "good"}
    for tries in (1, 2, 3):
        [waiting] = shop.parked()
        assert (waiting["tries"], waiting["next_try_at"] is not None) == (tries, True)
        due_now(shop)
        inbox.retry_due(shop.app)
    [parked] = shop.parked()
    assert (parked["tries"], parked["next_try_at"]) == (4, None)
    assert parked["reason"] == "RuntimeError: this box cannot be kept"
    assert parked["first_failed_at"] < parked["last_failed_at"]


def test_a_database_that_is_away_is_not_the_events_fault(shop):
    with database_away(), pytest.raises(Away):
        shop.receive(MADE, 1, 1, {"id": 1, "label": "one"})
    assert shop.parked() == []


def test_a_failure_the_database_only_seems_to_cause_is_the_events_own(shop, monkeypatch):
    def refused(*_):
        raise sa.exc.OperationalError("x", {}, Exception("statement timeout"))

    monkeypatch.setattr(handling, "_first_time", refused)
    shop.receive(MADE, 1, 1, {"id": 1, "label": "one"})
    assert len(shop.parked()) == 1


def test_a_request_waits_for_the_events_its_caller_caused(shop):
    id = shop.receive(MADE, 1, 1, {"id": 1, "label": "one"})
    began = time.monotonic()
    shop.as_("ann").get("/api/v1/boxes/", headers={"Await-Events": f"{MADE}:{id}, other.thing.v1:abc"})
    arrived = time.monotonic() - began
    began = time.monotonic()
    answer = shop.as_("ann").get("/api/v1/boxes/", headers={"Await-Events": f"{MADE}:never"})
    missing = time.monotonic() - began
    assert answer.status_code == 200
    assert arrived < 0.25 < missing


def test_nobody_waits_while_nothing_arrives(shop, monkeypatch):
    limit = 1.0
    monkeypatch.setattr(shop.app.extensions["settings"], "await_events_limit", limit)

    def seconds():
        began = time.monotonic()
        shop.as_("ann").get("/api/v1/boxes/", headers={"Await-Events": f"{MADE}:never"})
        return time.monotonic() - began

    first, second = seconds(), seconds()
    shop.receive(MADE, 1, 1, {"id": 1, "label": "one"})
    assert second < limit <= first
    assert seconds() >= limit


def test_a_write_tells_the_ids_of_its_events_and_a_refused_one_does_not(shop):
    made = shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": "x"})
    [event] = shop.outbox()
    assert made.headers["Event-Ids"] == f"{MADE}:{event.id}"
    assert "Event-Ids" not in shop.as_("ann", PACK).post("/api/v1/boxes/", json={}).headers


def test_two_handlers_for_one_type_are_refused():
    consumers = inbox.Consumers()
    consumers.on("a.b.v1", reads=Event)(print)
    with pytest.raises(RuntimeError, match="two handlers"):
        consumers.on("a.b.v1", reads=Event)(print)
