"""What only the embedded bus has to take care of: its file, and the leases of its consumers."""

import sqlite3
import threading

import pytest
from queues import MADE, consuming, consuming_some, message, publish

from chassis.bus import Away, embedded, open_bus
from chassis.testing.polling import eventually

HERE, THERE = "shop.watermark.v1", "ledger.watermark.v1"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "bus.sqlite"


def test_watermarks_do_not_pile_up_in_the_file_of_a_consumer_that_is_away(file):
    url, types, got = f"sqlite:///{file}", [MADE, HERE, THERE], []
    bus = open_bus(url)
    bus.declare("shop", types)
    for number, type in enumerate([HERE, THERE, HERE, THERE, MADE, HERE, HERE, MADE, THERE]):
        publish(bus, message(number, type))
    with consuming(url, lambda d: got.append(d.type), "shop", types):
        eventually(lambda: got[-1:] == [THERE])
    assert got == [HERE, THERE, MADE, HERE, MADE, THERE]


def test_settling_costs_the_same_however_much_waits_in_the_file(file, monkeypatch):
    url, connect, steps, costs = f"sqlite:///{file}", sqlite3.connect, [], []

    def counted(*given, **named):
        connection = connect(*given, **named)
        connection.set_progress_handler(lambda: steps.append(1), 100)
        return connection

    monkeypatch.setattr(sqlite3, "connect", counted)
    bus = open_bus(url)
    for queue in ("shop", "ledger"):
        bus.declare(queue, [MADE])
    for waiting in (0, 20_000):
        bus.send("ledger", [message(0)] * waiting)
        bus.send("shop", [message(number) for number in range(50)])
        steps.clear()
        got = []
        with consuming_some(url, lambda some, got=got: got.extend(some) or len(some)):
            eventually(lambda got=got: len(got) == 50)
        costs.append(len(steps))
    assert costs[1] < 2 * costs[0] + 100


def test_what_was_not_reached_is_given_back_as_soon_as_the_file_can_be_written(file):
    bus, other, tried = open_bus(f"sqlite:///{file}"), [], []
    bus.declare("shop", [MADE])
    publish(bus, message(1), message(2))

    def handle(delivery):
        tried.append(delivery.body)
        if len(tried) == 1:
            other.append(sqlite3.connect(file, isolation_level=None, check_same_thread=False))
            other[0].execute("BEGIN IMMEDIATE")
            threading.Timer(3, other[0].close).start()  # longer than the bus waits for a lock
            raise Away("database")

    with consuming(f"sqlite:///{file}", handle):
        eventually(lambda: len(tried) == 3, 20)
    assert tried == [b'{"n": 1}', b'{"n": 1}', b'{"n": 2}']


@pytest.fixture
def stuck(file):
    """A consumer that has the first of two events in hand, and does not come to an end with it."""
    bus, entered, free = open_bus(f"sqlite:///{file}"), threading.Event(), threading.Event()
    bus.declare("shop", [MADE])

    def handle(_):
        entered.set()
        free.wait(20)

    with consuming(f"sqlite:///{file}", handle):
        publish(bus, message(1))
        entered.wait(10)
        try:
            yield bus
        finally:
            free.set()


def another_consumer(file, until):
    """What another one gets, that has been there for as long and has taken nothing over."""
    got, stopping = [], threading.Event()

    class Other(embedded.EmbeddedBus):
        def _release(self, *_):
            """It was done when it began."""

    def handle(deliveries):
        got.extend(each.body for each in deliveries)
        return len(deliveries)

    given = ("shop", [MADE], handle, stopping, lambda: None)
    thread = threading.Thread(target=Other(str(file)).consume, args=given)
    thread.start()
    try:
        eventually(lambda: until in got)
    finally:
        stopping.set()
        thread.join(10)
    return got


def test_what_one_consumer_has_in_hand_no_other_one_gets(file, stuck):
    publish(stuck, message(2))
    assert another_consumer(file, until=b'{"n": 2}') == [b'{"n": 2}']


def test_whoever_keeps_an_event_too_long_loses_it_to_another(file, monkeypatch, request):
    monkeypatch.setattr(embedded, "CLAIM", 0.2)
    request.getfixturevalue("stuck")
    assert another_consumer(file, until=b'{"n": 1}') == [b'{"n": 1}']


def test_a_file_that_was_removed_is_made_anew_with_its_bindings(file):
    """By whoever uses it: nobody goes on with what nobody else can see."""
    url, got = f"sqlite:///{file}", []
    bus = open_bus(url)
    bus.declare("shop", [MADE])
    with consuming(url, lambda d: got.append(d.body)):
        publish(bus, message(1))
        eventually(lambda: got == [b'{"n": 1}'])
        for path in file.parent.glob("bus.sqlite*"):
            if path.suffix != ".bell":
                path.unlink()
        eventually(lambda: publish(bus, message(2)))
        eventually(lambda: got == [b'{"n": 1}', b'{"n": 2}'])
