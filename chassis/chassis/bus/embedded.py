"""The embedded bus: queues in one SQLite file, a pipe beside it for each queue to wake its consumer.

A claimed message belongs to its consumer for `CLAIM` seconds; whoever dies without settling it leaves it to
the next one.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

from .. import failpoints, wal
from ..bell import Pipe, ring
from ..events import is_watermark
from . import DELIVERY_LIMIT, PREFETCH, Away, Delivery, Handle, Message, NoQueue, tell_missing

CLAIM = 60.0
BROKEN = (sqlite3.Error, OSError)
SCHEMA = """
CREATE TABLE IF NOT EXISTS bindings (queue TEXT NOT NULL, type TEXT NOT NULL, PRIMARY KEY (queue, type))
WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, type TEXT NOT NULL, body BLOB NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 0, free_at REAL NOT NULL DEFAULT 0, claim TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS ix_messages_queue ON messages (queue, id);
"""
CLAIM_SOME = """
UPDATE messages SET deliveries = deliveries + 1, free_at = :free_at, claim = :claim
WHERE id IN (SELECT id FROM messages WHERE queue = :queue AND free_at <= :now ORDER BY id LIMIT :most)
RETURNING id, type, body, deliveries
"""


class EmbeddedBus:
    """Implements `Bus` in the file at `path`."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._local = threading.local()
        self._checkpoint_at = 0.0

    def _connection(self, synchronous: str = "FULL") -> sqlite3.Connection:
        """One connection a thread. A settled delivery need not survive a power cut (it would only come
        again); a sent one must.
        """
        kept: sqlite3.Connection | None = getattr(self._local, synchronous, None)
        if kept is not None and self._file() != self._local.file:
            self.close()  # somebody has removed the file: nobody else would ever see what we write into it
            kept = None
        if kept is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            kept = sqlite3.connect(self._path, timeout=2.5, isolation_level=None)
            kept.execute("PRAGMA journal_mode=WAL")
            kept.execute(f"PRAGMA synchronous={synchronous}")  # habit: FULL or OFF, from our own code
            kept.execute("PRAGMA secure_delete=ON")
            kept.executescript(SCHEMA)
            setattr(self._local, synchronous, kept)
            self._local.file = self._file()
        return kept

    def _file(self) -> int:
        return self._path.stat().st_ino if self._path.exists() else 0

    @contextmanager
    def _writing(self, synchronous: str = "FULL") -> Iterator[sqlite3.Connection]:
        try:
            connection = self._connection(synchronous)
            connection.execute("BEGIN IMMEDIATE")
        except BROKEN as error:
            raise Away(f"embedded bus: {error}") from error
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, BROKEN):
                raise Away(f"embedded bus: {error}") from error
            raise

    def declare(self, queue: str, types: Iterable[str], later: Iterable[str] = ()) -> None:
        bound = "SELECT type FROM bindings WHERE queue = ?"
        with self._writing() as connection:
            kept = {type for (type,) in connection.execute(bound, (queue,))} & set(later)
            connection.execute("DELETE FROM bindings WHERE queue = ?", (queue,))
            self._bind(connection, queue, {*types, *kept})

    @staticmethod
    def _bind(connection: sqlite3.Connection, queue: str, types: Iterable[str]) -> None:
        bindings = [(queue, type) for type in types]
        connection.executemany("INSERT OR IGNORE INTO bindings VALUES (?, ?)", bindings)

    def publisher(self) -> "EmbeddedBus":
        return self

    def publish(self, messages: Sequence[Message]) -> set[str]:
        routed: dict[str, list[Message]] = {}
        with self._writing() as connection:
            bound: dict[str, list[str]] = {}
            for queue, type in connection.execute("SELECT queue, type FROM bindings"):
                bound.setdefault(type, []).append(queue)
            for message in messages:
                for queue in bound.get(message.type, ()):
                    routed.setdefault(queue, []).append(message)
            for queue, some in routed.items():
                self._put(connection, queue, some)
            if not all(is_watermark(message.type) for message in messages):
                failpoints.reach("relay.sent")
        for queue in routed:
            ring(self._bell(queue))
        return {message.id for some in routed.values() for message in some}

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        with self._writing() as connection:
            self._put(connection, queue, messages)
        ring(self._bell(queue))

    def bound(self, queue: str) -> set[str]:
        types: dict[str, set[str]] = {}
        with self._writing() as connection:
            for name, type in connection.execute("SELECT queue, type FROM bindings ORDER BY queue"):
                types.setdefault(name, set()).add(type)
        if queue not in types:
            raise NoQueue(f"the bus has no queue {queue!r}; those that it has: {', '.join(types) or 'none'}")
        return types[queue]

    def _put(self, connection: sqlite3.Connection, queue: str, messages: Sequence[Message]) -> None:
        if told := {message.type for message in messages if is_watermark(message.type)}:
            self._forget_older(connection, queue, told)
        connection.executemany(
            "INSERT INTO messages (queue, type, body) VALUES (?, ?, ?)",
            [(queue, message.type, message.body) for message in messages],
        )

    @staticmethod
    def _forget_older(connection: sqlite3.Connection, queue: str, types: set[str]) -> None:
        """Watermarks behind which no event has come say less than the next one, and would pile up while their
        consumer is away. Those before an event stay: while it catches up they say how far it is.
        """
        last = "SELECT id, type, claim FROM messages WHERE queue = ? ORDER BY id DESC LIMIT ?"
        run = takewhile(lambda row: is_watermark(row[1]), connection.execute(last, (queue, PREFETCH)))
        older = [(id,) for id, type, claim in run if type in types and not claim]
        connection.executemany("DELETE FROM messages WHERE id = ?", older)

    def _bell(self, queue: str) -> Path:
        return Path(f"{self._path}.{queue}.bell")

    def idle(self) -> None:
        """Now and then what was settled leaves the file."""
        if time.monotonic() > self._checkpoint_at:
            self._checkpoint_at = time.monotonic() + wal.EVERY
            wal.checkpoint(self._path)

    def close(self) -> None:
        for kept in vars(self._local).values():
            if isinstance(kept, sqlite3.Connection):
                kept.close()
        vars(self._local).clear()

    def reachable(self) -> bool:
        try:
            self._connection().execute("SELECT 1 FROM bindings LIMIT 1")
        except BROKEN:
            return False
        return True

    def consume(
        self,
        queue: str,
        types: Iterable[str],
        handle: Handle,
        stopping: threading.Event,
        beat: Callable[[], None],
    ) -> None:
        bell, types = Pipe(self._bell(queue)), list(types)
        claim = f"{time.time_ns()}"
        self._release(queue, stopping)
        while not stopping.is_set():
            beat()
            try:
                self._bind_again(queue, types)
                if not self._settle_some(queue, claim, handle, stopping, beat):
                    bell.wait(0.5)
            except Away:
                stopping.wait(0.5)
        bell.close()
        self.close()

    def _bind_again(self, queue: str, types: Iterable[str]) -> None:
        try:
            found = self._connection().execute("SELECT type FROM bindings WHERE queue = ?", (queue,))
            bound = {type for (type,) in found}
        except BROKEN as error:
            raise Away(f"embedded bus: {error}") from error
        if missing := set(types) - bound:
            with self._writing() as connection:
                self._bind(connection, queue, missing)
        if not bound:
            tell_missing(queue)

    def _release(self, queue: str, stopping: threading.Event) -> None:
        """Takes over what an earlier consumer of this queue had claimed: a file has one consumer a queue,
        and the inbox absorbs the rest.
        """
        while not stopping.is_set():
            try:
                with self._writing("NORMAL") as connection:
                    connection.execute(
                        "UPDATE messages SET free_at = 0, claim = '' WHERE queue = ? AND claim != ''",
                        (queue,),
                    )
                return
            except Away:
                stopping.wait(0.5)

    def _settle_some(
        self, queue: str, claim: str, handle: Handle, stopping: threading.Event, beat: Callable[[], None]
    ) -> int:
        """Settles what was handled, also when the database went away in between; whatever else ends a
        handler counts as its death.
        """
        claimed, done = self._claim(queue, claim), 0
        if not claimed:
            return 0
        ids = [id for id, *_ in claimed]
        deliveries = [_delivery(type, body, times) for _, type, body, times in claimed]
        try:
            while done < len(deliveries) and not stopping.is_set():
                beat()
                done += handle(deliveries[done:])
        except Away:
            self._settle_surely(claim, ids, done, stopping, beat)
            raise
        self._settle_surely(claim, ids, done, stopping, beat)
        return len(claimed)

    def _claim(self, queue: str, claim: str) -> list[tuple[int, str, bytes, int]]:
        """The next ones; one that was delivered before comes alone, so that only a poisonous one is counted
        up to its limit.
        """
        next_one = "SELECT deliveries FROM messages WHERE queue = ? AND free_at <= ? ORDER BY id LIMIT 1"
        now = time.time()
        try:
            found = self._connection("NORMAL").execute(next_one, (queue, now)).fetchone()
        except BROKEN as error:
            raise Away(f"embedded bus: {error}") from error
        if found is None:
            return []
        most = 1 if found[0] else PREFETCH
        values = {"queue": queue, "now": now, "free_at": now + CLAIM, "claim": claim, "most": most}
        with self._writing("NORMAL") as connection:
            return sorted(connection.execute(CLAIM_SOME, values).fetchall())

    def _settle_surely(
        self, claim: str, ids: list[int], done: int, stopping: threading.Event, beat: Callable[[], None]
    ) -> None:
        """Nothing else would give back before `CLAIM` is over what was not reached, and later ones would
        overtake it.
        """
        while True:
            beat()
            try:
                return self._settle(claim, ids[:done], ids[done:])
            except Away:
                if stopping.wait(0.5):
                    raise

    def _settle(self, claim: str, settled: list[int], left: list[int]) -> None:
        """Forgets the settled ones, and gives back what was claimed but not reached without counting it as
        delivered. Each by its number: a search for claims would read the whole file, and nobody else could
        write meanwhile.
        """
        with self._writing("NORMAL") as connection:
            connection.executemany("DELETE FROM messages WHERE id = ?", [(id,) for id in settled])
            connection.executemany(
                "UPDATE messages SET free_at = 0, deliveries = deliveries - 1, claim = ''"
                " WHERE id = ? AND claim = ?",
                [(id, claim) for id in left],
            )


def _delivery(type: str, body: bytes, deliveries: int) -> Delivery:
    given_up = deliveries > DELIVERY_LIMIT
    dead = "given up by the bus after being delivered too often" if given_up else ""
    return Delivery(type, body, dead, again=deliveries > 1)
