"""How long rows are kept, and what is left of a person who is gone."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from shop.app import MADE, Box, BoxState, db

from chassis import forgetting, outbox, parking, retention
from chassis.bus import Delivery
from chassis.events import Event, iso, now
from chassis.testing.rows import count, fill, finds_by_index, moments, plan

EACH_DAY = 60
ROWS = {
    "outbox": lambda n, at: {
        "event_id": f"e{n}", "type": MADE, "body": b"{}", "created_at": at, "tries": 0, "sent_at": at,
        "about": n,
    },
    "inbox": lambda n, at: {"event_id": f"e{n}", "type": MADE, "handled_at": at},
    "parked": lambda n, at: {
        "event_id": f"e{n}", "type": MADE, "body": b"{}", "reason": "x", "code_version": "1", "tries": 4,
        "first_failed_at": at, "last_failed_at": at, "next_try_at": None, "about": None,
    },
    "idempotency_keys": lambda n, at: {"owner": 1, "key": f"k{n}", "fingerprint": "x", "made_at": at},
}  # fmt: skip
PERIODS = {"outbox": 2, "inbox": 7, "parked": 90, "idempotency_keys": 1}


def kept(shop, name):
    return next(each for each in retention.keeps(shop.app) if each.table.name == name)


def after(shop, name, days):
    """The table after so many days, and after the worker's job."""
    rows = [ROWS[name](number, at) for number, at in enumerate(moments(days, EACH_DAY))]
    fill(shop.app, getattr(db, name), rows)
    return rows


@pytest.mark.parametrize("name", ROWS)
def test_a_table_holds_what_its_period_allows_and_no_more(shop, name):
    after(shop, name, PERIODS[name] + 20)
    retention.forget_old(shop.app)
    assert count(shop.app, getattr(db, name)) == PERIODS[name] * EACH_DAY


@pytest.mark.parametrize("name", ROWS)
def test_what_is_over_is_found_by_an_index(shop, name):
    after(shop, name, PERIODS[name] + 20)
    assert finds_by_index(shop.app, kept(shop, name)), plan(shop.app, kept(shop, name))


def test_events_that_wait_are_not_forgotten_however_old(shop):
    long_ago = now() - timedelta(days=400)
    fill(shop.app, db.outbox, [ROWS["outbox"](1, long_ago) | {"sent_at": None}])
    fill(shop.app, db.parked, [ROWS["parked"](1, long_ago) | {"next_try_at": now()}])
    retention.forget_old(shop.app)
    assert (count(shop.app, db.outbox), count(shop.app, db.parked)) == (1, 1)


def test_a_setting_says_how_long(shop):
    shop.app.extensions["settings"].keep_handled_days = 0.5
    after(shop, "inbox", 2)
    retention.forget_old(shop.app)
    assert count(shop.app, db.inbox) == EACH_DAY / 2


def test_removing_many_takes_small_bites(shop, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 50)
    after(shop, "inbox", 17)
    with shop.app.app_context():
        gone = list(retention.batches(shop.app, kept(shop, "inbox")))
    assert gone == [50] * 12 + [0]


def test_removing_very_many_goes_on_the_next_time(shop, monkeypatch):
    """A worker that is silent for long would be taken for hanging."""
    monkeypatch.setattr(retention, "BATCH", 50)
    monkeypatch.setattr(retention, "AT_A_TIME", 0)
    only = [kept(shop, "inbox")]
    monkeypatch.setattr(retention, "keeps", lambda _: only)
    after(shop, "inbox", 10)
    left = []
    for _ in range(5):
        retention.forget_old(shop.app)
        left.append(count(shop.app, db.inbox))
    assert left == [550, 500, 450, 420, 420]


def test_an_event_again_after_its_id_was_forgotten_changes_nothing(shop):
    """Why a week is enough for the inbox: versions protect."""
    id = shop.receive(MADE, 1, 1, {"id": 1, "label": "old"})
    shop.receive(MADE, 1, 2, {"id": 1, "label": "new"})
    shop.app.extensions["settings"].keep_handled_days = 0
    retention.forget_old(shop.app)
    shop.receive(MADE, 1, 1, {"id": 1, "label": "old"}, id=id)
    with shop.app.app_context():
        assert db.value(sa.select(Box.label).where(Box.id == 1001)) == "new"


def said(shop, about, label):
    with shop.app.app_context():
        event = outbox.add(MADE, 1, 1, BoxState(id=1, label=label), about=about)
        db.session.commit()
    return event


def forget(shop, person):
    with shop.app.app_context():
        done = forgetting.forget(person)
        db.session.commit()
    return done


def bodies(shop):
    with shop.app.app_context():
        return [Event.parse(bytes(row["body"])) for row in db.rows(sa.select(db.outbox).order_by("id"))]


def test_a_sent_event_of_a_forgotten_person_keeps_its_envelope_and_nothing_else(shop):
    mine, other = said(shop, 5, "mine"), said(shop, 6, "another's")
    assert not forget(shop, 5)  # nobody has sent it yet: it has to go out first
    assert [event.data["label"] for event in shop.outbox()] == ["mine", "another's"]
    assert forget(shop, 5)
    assert [(event.id, event.data) for event in bodies(shop)] == [
        (mine.id, {}),
        (other.id, {"id": 1, "label": "another's"}),
    ]


def test_an_event_says_whose_data_is_in_it_and_old_ones_need_not(shop):
    assert Event.parse(said(shop, 5, "mine").to_json()).about == 5
    assert Event.parse(said(shop, None, "nobody's").to_json()).about is None
    for odd in ("5", True, -1, 2**63, 1.5):
        assert Event.parse(Event(MADE, "1", 1, {}, "/x", "1", about=odd).to_json()).about is None


def test_parked_events_of_a_forgotten_person_count_as_handled(shop):
    event = Event(MADE, "1", 1, {"id": 1, "label": "poison"}, "/x", "e1", iso(now()), about=5)
    with shop.app.app_context():
        parking.put_aside(Delivery(MADE, event.to_json()), "why")
    assert not forget(shop, 5)  # it will be tried again
    with shop.app.app_context():
        db.session.execute(sa.update(db.parked).values(next_try_at=None))
        db.session.commit()
    assert forget(shop, 5)
    assert shop.parked() == []
    with shop.app.app_context():
        assert db.value(sa.select(db.inbox.c.event_id)) == "e1"


def test_a_parked_event_that_was_handled_all_the_same_keeps_nobody_from_being_forgotten(shop):
    """As when the bus gives it up between the commit and the acknowledgement."""
    id = shop.receive(MADE, 1, 1, {"id": 1, "label": "box"}, about=5)
    shop.receive(MADE, 1, 1, {"id": 1, "label": "box"}, id=id, about=5, dead="given up")
    assert [row["event_id"] for row in shop.parked()] == [id]
    assert forget(shop, 5)
    assert shop.parked() == []


def files(shop):
    """The database where it is a file, with what lies beside it."""
    url = sa.make_url(shop.app.extensions["settings"].database_url)
    path = Path(url.database)
    return {each.name: each.read_bytes() for each in path.parent.glob(f"{path.name}*") if each.is_file()}


def test_words_of_a_forgotten_person_leave_the_file(shop):
    """What was moved from page to page before leaves it only when it is written anew (see `wal`)."""
    said(shop, 5, "very private words")
    shop.outbox()
    assert forget(shop, 5)
    asked = [name for name in files(shop) if name.endswith(".erased")]
    assert len(asked) == (1 if files(shop) else 0)
    with shop.app.app_context():
        retention.overwrite(shop.app)
    left = files(shop)
    assert [name for name, content in left.items() if b"very private words" in content] == []
    assert not set(asked) & left.keys()


def test_words_whose_time_is_over_leave_the_file(shop):
    shop.receive(MADE, 1, 1, {"id": 1, "label": "poison", "more": "very private words"})
    shop.try_again()
    shop.app.extensions["settings"].keep_parked_days = 0
    with shop.app.app_context():
        retention.forget_old(shop.app)
        retention.overwrite(shop.app)
    assert shop.parked() == []
    assert [name for name, content in files(shop).items() if b"very private words" in content] == []


def test_answers_of_a_forgotten_person_go_and_others_stay(shop):
    for name in ("eve", "ann"):
        shop.as_(name, 2).post(
            "/api/v1/boxes/", json={"label": name}, headers={"Idempotency-Key": "a-key-of-16-chars"}
        )
    shop.outbox()
    assert forget(shop, 5)
    with shop.app.app_context():
        assert [row["owner"] for row in db.rows(sa.select(db.idempotency_keys))] == [1]


def test_two_workers_may_forget_the_same_at_once(shop):
    after(shop, "inbox", 30)
    threads = [threading.Thread(target=retention.forget_old, args=[shop.app]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(shop.app, db.inbox) == 7 * EACH_DAY
