"""Both buses make the same promises."""

import threading

import pytest
from queues import MADE, SOLD, consuming, consuming_some, message, publish, singly

from chassis.bus import DELIVERY_LIMIT, Away, open_bus
from chassis.testing.parts import Vhosts
from chassis.testing.polling import eventually


@pytest.fixture
def url(stack, tmp_path):
    if stack == "embedded":
        yield f"sqlite:///{tmp_path}/bus.sqlite"
        return
    vhosts = Vhosts.from_environment()
    address = vhosts.vhost()
    yield address
    vhosts.drop(address)


@pytest.fixture
def bus(url):
    return open_bus(url)


def test_an_event_goes_to_every_queue_bound_to_its_type_and_to_no_other(url, bus):
    bus.declare("shop", [MADE])
    bus.declare("ledger", [MADE, SOLD])
    assert publish(bus, message(1), message(2, SOLD)) == {"id-1", "id-2"}
    shop, ledger = [], []
    with (
        consuming(url, lambda d: shop.append(d.body)),
        consuming(url, lambda d: ledger.append(d.body), "ledger", [MADE, SOLD]),
    ):
        eventually(lambda: len(shop) == 1 and len(ledger) == 2)
    assert (shop, sorted(ledger)) == ([b'{"n": 1}'], [b'{"n": 1}', b'{"n": 2}'])


def test_what_no_queue_takes_is_not_confirmed(bus):
    bus.declare("shop", [MADE])
    assert publish(bus, message(1, "nobody.listens.v1"), message(2)) == {"id-2"}


def test_what_no_queue_took_is_confirmed_as_soon_as_one_does(bus):
    publisher = bus.publisher()
    try:
        assert publisher.publish([message(1)]) == set()
        bus.declare("shop", [MADE])
        assert publisher.publish([message(1), message(2)]) == {"id-1", "id-2"}
    finally:
        publisher.close()


def test_events_published_before_the_consumer_came_are_kept(url, bus):
    bus.declare("shop", [MADE])
    publish(bus, *(message(n) for n in range(120)))
    got = []
    with consuming(url, lambda d: got.append(d.body)):
        eventually(lambda: len(got) == 120)
    assert got == [b'{"n": %d}' % n for n in range(120)]


def test_a_handler_settles_as_many_at_once_as_it_likes_and_gets_the_rest_again(url, bus):
    bus.declare("shop", [MADE])
    publish(bus, *(message(n) for n in range(20)))
    given, settled = [], []

    def some(deliveries):
        given.append(len(deliveries))
        if len(given) == 3:
            raise Away("database")
        settled.extend(each.body for each in deliveries[:7])
        return min(7, len(deliveries))

    with consuming_some(url, some):
        eventually(lambda: len(settled) >= 20)
    assert settled == [b'{"n": %d}' % n for n in range(20)]
    assert max(given) > 7
    left = []
    with consuming(url, lambda d: left.append(d.body)):
        publish(bus, message(99))
        eventually(lambda: left)
    assert left == [b'{"n": 99}']


def test_what_a_consumer_has_died_on_says_so_when_it_comes_again(url, bus):
    bus.declare("shop", [MADE])
    publish(bus, message(1))

    def deadly(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_bus(url).consume("shop", [MADE], deadly, threading.Event(), lambda: None)
    publish(bus, message(2))
    came = {}
    with consuming(url, lambda d: came.update({d.body: d.again})):
        eventually(lambda: len(came) == 2)
    assert came == {b'{"n": 1}': True, b'{"n": 2}': False}


def test_declaring_again_keeps_what_is_there(url, bus):
    bus.declare("shop", [MADE])
    publish(bus, message(1))
    bus.declare("shop", [MADE])
    got = []
    with consuming(url, lambda d: got.append(d.body)):
        eventually(lambda: got)


def test_declaring_fewer_types_unbinds_the_others(bus):
    for types in ([MADE, SOLD], [MADE, SOLD], [MADE]):
        bus.declare("shop", types)
    assert publish(bus, message(1), message(2, SOLD)) == {"id-1"}
    bus.declare("shop", [MADE, SOLD])
    assert publish(bus, message(3, SOLD)) == {"id-3"}


def test_a_handler_whose_database_is_away_gets_the_same_event_again(url, bus):
    """However often: it does not count as delivered, and is never given up because of that."""
    bus.declare("shop", [MADE])
    publish(bus, message(1), message(2))
    tried = []

    def handle(delivery):
        tried.append((delivery.body, delivery.again))
        if len(tried) < 3:
            raise Away("database")

    with consuming(url, handle):
        eventually(lambda: len(tried) == 4)
    assert tried == [(b'{"n": 1}', False)] * 3 + [(b'{"n": 2}', False)]


def test_a_consumer_that_dies_leaves_its_event_to_the_next(url, bus):
    bus.declare("shop", [MADE])
    publish(bus, message(1))
    entered = threading.Event()

    def stuck(_):
        entered.set()
        raise Away("never settled")

    with consuming(url, stuck):
        entered.wait(10)
    got = []
    with consuming(url, lambda d: got.append(d.body)):
        eventually(lambda: got == [b'{"n": 1}'])


def test_an_event_that_kills_its_consumer_again_and_again_is_given_up_with_a_reason(url, bus):
    bus.declare("shop", [MADE])
    publish(bus, message(1), message(2))
    seen, dead = [], []

    def deadly(delivery):
        if delivery.dead:
            dead.append(delivery)
        elif delivery.body == b'{"n": 1}':
            raise KeyboardInterrupt
        else:
            seen.append(delivery.body)

    def live_and_die():
        try:
            open_bus(url).consume("shop", [MADE], singly(deadly), stopping, lambda: None)
        except KeyboardInterrupt:
            deaths.append(1)

    def watch():
        try:
            eventually(lambda: dead and seen)
        finally:
            stopping.set()  # a test that fails must end, too

    stopping, deaths = threading.Event(), []
    watcher = threading.Thread(target=watch)
    watcher.start()
    while not stopping.is_set() and len(deaths) < 3 * DELIVERY_LIMIT:
        live_and_die()
    watcher.join()
    assert (len(dead), seen) == (1, [b'{"n": 2}'])
    assert ("delivered too often" in dead[0].dead, dead[0].type) == (True, MADE)
    assert DELIVERY_LIMIT <= len(deaths) <= DELIVERY_LIMIT + 2


def test_state_can_be_sent_into_one_queue_only(url, bus):
    bus.declare("shop", [MADE])
    bus.declare("ledger", [MADE])
    bus.send("ledger", [message(1)])
    got, other = [], []
    with (
        consuming(url, lambda d: got.append(d.body), "ledger"),
        consuming(url, lambda d: other.append(d.body)),
    ):
        eventually(lambda: got)
    assert other == []


def test_a_bus_that_is_there_answers_and_one_that_is_not_does_not(bus, stack):
    assert bus.reachable()
    nowhere = open_bus("amqp://x:y@127.0.0.1:9/" if stack == "real" else "sqlite:////proc/nowhere/bus.sqlite")
    assert not nowhere.reachable()
    with pytest.raises(Away):
        publish(nowhere, message(1))
