"""What tests of the bus do to one: publish to it, consume from it."""

import threading
from contextlib import contextmanager

from chassis.bus import Message, open_bus

MADE, SOLD = "shop.box_made.v1", "shop.box_sold.v1"


def singly(handle):
    """As a handler that settles one delivery at a time."""

    def settle(deliveries):
        handle(deliveries[0])
        return 1

    return settle


@contextmanager
def consuming(url, handle, queue="shop", types=(MADE,)):
    """A consumer in a thread of its own, as in a worker, whose handler settles one at a time."""
    with consuming_some(url, singly(handle), queue, types):
        yield


@contextmanager
def consuming_some(url, handle, queue="shop", types=(MADE,)):
    stopping = threading.Event()
    consume = lambda: open_bus(url).consume(queue, types, handle, stopping, lambda: None)  # noqa: E731
    thread = threading.Thread(target=consume)
    thread.start()
    try:
        yield
    finally:  # a test that fails must end, too
        stopping.set()
        thread.join(10)
    assert not thread.is_alive()


def publish(bus, *messages):
    publisher = bus.publisher()
    try:
        return publisher.publish(messages)
    finally:
        publisher.close()


def message(number, type=MADE):
    return Message(f"id-{number}", type, b'{"n": %d}' % number)
