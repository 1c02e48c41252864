"""The relay: whatever is in the outbox goes out, and nothing that cannot keeps the rest."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from shop.app import MADE, PACK, BoxState, db

import chassis.worker
from chassis import freshness, outbox, snapshots
from chassis.bus import open_bus
from chassis.events import Event, iso, now
from chassis.reading import Driver
from chassis.testing.polling import eventually
from chassis.worker import Worker

UNHEARD_OF = "shop.box_painted.v1"


class Hall:
    """A bus on which only some types have a queue."""

    def __init__(self, *types):
        self.types, self.took = types, []

    def publish(self, messages):
        taken = [message for message in messages if message.type in self.types]
        self.took += [Event.parse(message.body) for message in taken]
        return {message.id for message in taken}


def say(shop, *types):
    """Events of these types, in this order, each in a transaction of its own."""
    with shop.app.app_context():
        for number, type in enumerate(types, 1):
            outbox.add(type, number, 1, BoxState(id=number, label=f"box {number}"))
            db.session.commit()


def relay(shop, bus):
    with shop.app.app_context():
        return outbox.relay(shop.app, bus)


def unsent(shop):
    with shop.app.app_context():
        return db.value(sa.select(sa.func.count()).where(db.outbox.c.sent_at.is_(None)))


def test_events_that_no_queue_takes_keep_no_others_waiting(shop, monkeypatch):
    """More of them than one round carries, and all of them older."""
    monkeypatch.setattr(outbox, "BATCH", 3)
    say(shop, *[UNHEARD_OF] * 4, MADE, MADE)
    bus = Hall(MADE)
    for _ in range(3):
        relay(shop, bus)
    assert [event.subject for event in bus.took] == ["5", "6"]
    assert unsent(shop) == 4
    for _ in range(2):
        relay(shop, whole := Hall(UNHEARD_OF))
        bus.took += whole.took
    assert ({event.subject for event in bus.took}, unsent(shop)) == ({"1", "2", "3", "4", "5", "6"}, 0)


def test_a_watermark_says_no_more_than_was_looked_at(shop, monkeypatch):
    """What is committed right after the look is not sent yet, and nobody may think so."""
    looked = []

    def all_sent():
        looked.append(now())
        return True

    monkeypatch.setattr(freshness, "all_sent", all_sent)
    assert [event.data["as_of"] <= iso(looked[0]) for event in watermarks(shop)] == [True]


def watermarks(shop):
    bus = Hall(f"shop{freshness.WATERMARK}")
    with shop.app.app_context():
        freshness.Teller(shop.app).tell(bus)
    return bus.took


def test_a_watermark_does_not_rely_on_a_replica_that_is_behind(shop):
    """There the outbox is still empty."""
    say(shop, MADE)
    behind = sa.create_engine("sqlite://", poolclass=sa.StaticPool, isolation_level="AUTOCOMMIT")
    db.outbox.create(behind)
    shop.app.extensions |= {"reader": behind, "driver": Driver(behind, lambda *_: None)}
    shop.app.extensions["settings"].database_reader = "replica:5432"
    with shop.app.app_context():
        assert not outbox.waiting()
    assert watermarks(shop) == []


def recorded(shop):
    lines = shop.anonymous().get("/metrics").text.splitlines()
    name = f'events_recorded_total{{type="{MADE}"}}'
    return sum(float(line.split()[1]) for line in lines if line.startswith(name))


def test_what_was_taken_back_is_neither_sent_nor_counted(shop):
    before = recorded(shop)
    with shop.app.app_context():
        for _ in range(3):
            outbox.add(MADE, 1, 1, BoxState(id=1, label="never"))
            db.session.rollback()
        outbox.add(MADE, 2, 1, BoxState(id=2, label="box"))
        db.session.commit()
    assert recorded(shop) == before + 1
    assert [event.subject for event in shop.outbox()] == ["2"]


@pytest.fixture
def working(shop):
    """The worker of a shop whose queue there is."""
    shop.app.test_cli_runner().invoke(args=["prepare"])
    worker = Worker(shop.app)
    yield worker
    worker.stop()


def test_an_event_whose_ring_was_not_heard_goes_out_with_the_sweep(shop, working):
    working.start()
    shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": "one"})
    eventually(lambda: unsent(shop) == 0)
    with shop.app.app_context(), db.engine.begin() as connection:
        connection.execute(sa.update(db.outbox).values(sent_at=None))
    eventually(lambda: unsent(shop) == 0)


def test_a_backlog_goes_out_in_one_go_however_long(shop, working, monkeypatch):
    monkeypatch.setattr(outbox, "BATCH", 2)
    monkeypatch.setattr(chassis.worker, "SWEEP", 600)
    say(shop, *[MADE] * 7)
    working.start()
    eventually(lambda: unsent(shop) == 0)


def test_resend_says_every_subject_however_many_pages_they_are(shop, monkeypatch):
    monkeypatch.setattr(snapshots, "LARGEST", 2)
    shop.app.test_cli_runner().invoke(args=["prepare"])
    for number in range(5):
        shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": f"box {number}"})
    told = shop.app.test_cli_runner().invoke(args=["resend", MADE, "--to", "shop"])
    assert told.output == f"{MADE}: 5 sent to shop\n"
    came, stopping = [], threading.Event()

    def take(deliveries):
        came.extend(Event.parse(each.body).subject for each in deliveries)
        if len(came) >= 5:
            stopping.set()
        return len(deliveries)

    bus = open_bus(shop.app.extensions["settings"].bus_url)
    bus.consume("shop", [MADE], take, stopping, lambda: None)
    assert came == ["1", "2", "3", "4", "5"]


class Slow(Hall):
    """A bus that confirms when it is told to."""

    def __init__(self, *types):
        super().__init__(*types)
        self.asked, self.confirms = threading.Event(), threading.Event()

    def publish(self, messages):
        taken = super().publish(messages)
        self.asked.set()
        assert self.confirms.wait(10)
        return taken


@pytest.mark.only_real
def test_of_two_relays_at_once_each_sends_what_the_other_has_not_in_hand(shop, monkeypatch):
    """Nothing goes out twice, and neither waits for the other, whose bus may be slow."""
    monkeypatch.setattr(outbox, "BATCH", 2)
    say(shop, *[MADE] * 5)
    slow, quick = Slow(MADE), Hall(MADE)
    with ThreadPoolExecutor(1) as other:
        began = other.submit(relay, shop, slow)
        try:
            assert slow.asked.wait(10)
            counts = [relay(shop, quick) for _ in range(3)]
        finally:
            slow.confirms.set()
        assert (began.result(), counts) == (2, [2, 1, 0])
    assert [event.subject for bus in (slow, quick) for event in bus.took] == ["1", "2", "3", "4", "5"]
    assert unsent(shop) == 0
