"""What a service needs on RabbitMQ: the exchange, its queue with a dead-letter queue, and their bindings."""

from collections.abc import Iterable
from typing import Any

import orjson
import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from . import DELIVERY_LIMIT, EXCHANGE

PERSISTENT = 2


def topology(channel: BlockingChannel, queue: str, types: Iterable[str]) -> None:
    """Exchange, queue and dead-letter queue, bound to these types."""
    channel.exchange_declare(EXCHANGE, "topic", durable=True)
    dead = f"{queue}.dead"
    quorum: dict[str, Any] = {"x-queue-type": "quorum"}
    channel.queue_declare(dead, durable=True, arguments=quorum)
    limits = {
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": dead,
    }
    channel.queue_declare(queue, durable=True, arguments=quorum | limits)
    for type in types:
        channel.queue_bind(queue, EXCHANGE, type)


def is_missing(connection: pika.BlockingConnection, queue: str) -> bool:
    """Asks on a channel of its own, which the broker closes if the queue is not there."""
    try:
        connection.channel().queue_declare(queue, passive=True)
    except ChannelClosedByBroker:
        return True
    return False


def unbind_former(channel: BlockingChannel, queue: str, types: list[str]) -> None:
    """Removes bindings to types that are no longer named. AMQP cannot list them, so the last list is kept in
    a queue of one message; whatever happens in between, too many bindings are left rather than too few.
    """
    record = f"{queue}.bindings"
    channel.queue_declare(record, durable=True, arguments={"x-queue-type": "quorum"})
    kept = pika.BasicProperties(delivery_mode=PERSISTENT)
    channel.confirm_delivery()
    channel.basic_publish("", record, orjson.dumps(types), kept, mandatory=True)
    bound, tags = set(), []
    while (found := channel.basic_get(record))[0] is not None:
        tags.append(found[0].delivery_tag)
        bound |= set(orjson.loads(found[2]))
    for type in bound - set(types):
        channel.queue_unbind(queue, EXCHANGE, type)
    for tag in tags[:-1]:
        channel.basic_ack(tag)
