"""RabbitMQ (3.10 to 4.x) through pika: one topic exchange, one durable quorum queue a service, batches
that are published when every queue has confirmed them, manual acknowledgement.

Shape: `events` (topic) → `<queue>` (quorum, explicit delivery limit) → `<queue>.dead` (quorum). A message
that the broker gives up because its consumer died on it again and again comes from the dead-letter queue, and
is settled like any other that cannot be handled.

Every connection declares what it needs, so a broker that comes back empty is whole again. One connection
belongs to one thread.

See the RabbitMQ guides on quorum queues, consumer acknowledgements, publisher confirms, and on transactions.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ConnectionBlockedTimeout

from .. import failpoints
from ..events import is_watermark
from . import EXCHANGE, PREFETCH, Away, Blocked, Delivery, Handle, Message, NoQueue, tell_missing
from .topology import PERSISTENT, is_missing, topology, unbind_former

log = logging.getLogger(__name__)
BROKEN = (AMQPError, OSError)
SLOWEST_RETRY = 2.0


class RabbitBus:
    """Implements `Bus` on the broker at `url`."""

    def __init__(self, url: str) -> None:
        self._parameters = pika.URLParameters(url)
        self._parameters.heartbeat = 20
        # Shorter than what the worker takes for a hang: a broker that blocks publishers is only waited for.
        self._parameters.blocked_connection_timeout = 5
        self._parameters.socket_timeout = 3
        self._parameters.stack_timeout = 5
        self._parameters.connection_attempts = 1

    def connect(self) -> pika.BlockingConnection:
        """Raises `Away`."""
        try:
            return pika.BlockingConnection(self._parameters)
        except BROKEN as error:
            raise Away(f"RabbitMQ: {type(error).__name__}") from error

    def declare(self, queue: str, types: Iterable[str], later: Iterable[str] = ()) -> None:
        connection = self.connect()
        try:
            channel = connection.channel()
            wanted = sorted(types)
            topology(channel, queue, wanted)
            unbind_former(channel, queue, [*wanted, *later])
        except BROKEN as error:
            raise Away(f"RabbitMQ: {type(error).__name__}") from error
        finally:
            close(connection)

    def publisher(self) -> "RabbitPublisher":
        return RabbitPublisher(self)

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        if not messages:
            return
        publisher = RabbitPublisher(self, exchange="", key=queue)
        try:
            if len(publisher.publish(messages)) < len(messages):
                raise Away(f"RabbitMQ has no queue {queue}")
        finally:
            publisher.close()

    def bound(self, queue: str) -> None:
        """AMQP can tell whether a queue is there, and nothing else of it."""
        connection = self.connect()
        try:
            missing = not queue or is_missing(connection, queue)
        except BROKEN as error:
            raise Away(f"RabbitMQ: {type(error).__name__}") from error
        finally:
            close(connection)
        if missing:
            raise NoQueue(
                f"RabbitMQ has no queue {queue!r}; it is called like the service, whose `prepare` makes it"
            )

    def consume(
        self,
        queue: str,
        types: Iterable[str],
        handle: Handle,
        stopping: threading.Event,
        beat: Callable[[], None],
    ) -> None:
        types, pause = list(types), 0.1
        while not stopping.is_set():
            beat()
            try:
                connection = self.connect()
                pause = 0.1
                Consumption(connection, queue, types, handle, stopping, beat).run()
            except (Away, *BROKEN) as error:
                log.warning(
                    "bus away", extra={"reason": str(error) or type(error).__name__, "again_in": pause}
                )
                stopping.wait(pause)
                pause = min(pause * 2, SLOWEST_RETRY)

    def reachable(self) -> bool:
        try:
            close(self.connect())
        except Away:
            return False
        return True


def close(connection: pika.BlockingConnection) -> None:
    with suppress(*BROKEN):
        connection.close()


class RabbitPublisher:
    """Publishes `mandatory` messages in transactions of AMQP, on a connection that is made when needed.

    The answer to the commit comes when every queue has confirmed every message, so a batch waits for the
    broker's disks once. Confirms one by one, which is all that pika's blocking channel has, wait for each.
    """

    def __init__(self, bus: RabbitBus, exchange: str = EXCHANGE, key: str = "") -> None:
        self._bus, self._exchange, self._key = bus, exchange, key
        self._connection: pika.BlockingConnection | None = None
        self._channel: BlockingChannel | None = None
        self._returned: set[str] = set()

    def publish(self, messages: Sequence[Message]) -> set[str]:
        try:
            channel = self._open()
            self._returned.clear()
            for message in messages:
                self._put(channel, message)
            channel.tx_commit()
            channel.connection.process_data_events(0)  # hands over what came back
        except ConnectionBlockedTimeout as error:
            self.close()
            raise Blocked("RabbitMQ blocks publishers: it is short of memory or disk") from error
        except BROKEN as error:
            self.close()
            raise Away(f"RabbitMQ: {type(error).__name__}") from error
        return {message.id for message in messages} - self._returned

    def _open(self) -> BlockingChannel:
        if self._channel is None or not self._channel.is_open:
            self.close()
            self._connection = self._bus.connect()
            self._channel = self._connection.channel()
            self._channel.add_on_return_callback(self._came_back)
            if self._exchange:
                self._channel.exchange_declare(self._exchange, "topic", durable=True)
            self._channel.tx_select()
        return self._channel

    def _put(self, channel: BlockingChannel, message: Message) -> None:
        properties = pika.BasicProperties(
            delivery_mode=PERSISTENT,
            message_id=message.id,
            type=message.type,
            content_type="application/cloudevents+json",
        )
        channel.basic_publish(
            self._exchange, self._key or message.type, message.body, properties, mandatory=True
        )
        if not is_watermark(message.type):
            failpoints.reach("relay.sent")

    def _came_back(self, _channel: Any, _method: Any, properties: pika.BasicProperties, _body: bytes) -> None:
        """No queue takes it."""
        self._returned.add(properties.message_id)

    def idle(self) -> None:
        if self._connection is not None:
            try:
                self._connection.process_data_events(0)
            except BROKEN:
                self.close()

    def close(self) -> None:
        if self._connection is not None:
            close(self._connection)
        self._connection = self._channel = None


class Consumption:
    """One connection's worth of consuming: the queue and its dead-letter queue."""

    def __init__(
        self,
        connection: pika.BlockingConnection,
        queue: str,
        types: list[str],
        handle: Handle,
        stopping: threading.Event,
        beat: Callable[[], None],
    ) -> None:
        self._connection, self._queue, self._types = connection, queue, types
        self._handle, self._stopping, self._beat = handle, stopping, beat
        self._deserted, self._careful = False, True
        self._held: list[tuple[int, Delivery]] = []

    def run(self) -> None:
        try:
            missing = is_missing(self._connection, self._queue)
            channel = self._connection.channel()
            topology(channel, self._queue, self._types)
            if missing:
                tell_missing(self._queue)
            channel.add_on_cancel_callback(self._cancelled)
            channel.basic_qos(prefetch_count=PREFETCH)
            channel.basic_consume(f"{self._queue}.dead", self._given_up)
            channel.basic_qos(prefetch_count=1)
            channel.basic_consume(self._queue, self._arrived)
            while not self._stopping.is_set():
                self._beat()
                self._connection.process_data_events(0.5)
                self._settle_held(channel)
                if self._deserted or not channel.is_open:
                    raise Away("RabbitMQ ended the consumer: the queue or its leader is gone")
        finally:
            close(self._connection)

    def _take_more(self, channel: BlockingChannel) -> None:
        """One at a time until something new was settled: whatever lies beside an event that ends the process
        counts as delivered once more each time, and would be given up with it.
        """
        self._careful = False
        channel.basic_qos(prefetch_count=PREFETCH - 1)
        channel.basic_consume(self._queue, self._arrived)

    def _cancelled(self, _: Any) -> None:
        """Somebody has deleted the queue: without this the connection would stay, and nothing ever arrive."""
        self._deserted = True

    def _arrived(self, _channel: BlockingChannel, method: Any, _: Any, body: bytes) -> None:
        delivery = Delivery(method.routing_key, body, again=method.redelivered)
        self._held.append((method.delivery_tag, delivery))

    def _given_up(self, _channel: BlockingChannel, method: Any, properties: Any, body: bytes) -> None:
        """Its routing key is the dead-letter queue by now; its publisher has said its type besides."""
        reason = "given up by the bus after being delivered too often"
        self._held.append((method.delivery_tag, Delivery(properties.type or "", body, reason)))

    def _settle_held(self, channel: BlockingChannel) -> None:
        """Acknowledges after the handler has committed. While it cannot (database away) what has come is
        held, heartbeats go on, and its count of deliveries does not grow.
        """
        while self._held and not self._stopping.is_set():
            self._beat()
            try:
                settled = self._handle([delivery for _, delivery in self._held])
            except Away as error:
                log.warning("event waits", extra={"reason": str(error)})
                self._connection.sleep(0.5)
            else:
                channel.basic_ack(self._held[settled - 1][0], multiple=True)
                done = [delivery for _, delivery in self._held[:settled]]
                del self._held[:settled]
                if self._careful and not all(delivery.again or delivery.dead for delivery in done):
                    self._take_more(channel)
