"""What was deleted from SQLite's files is not in them any more a little later."""

import sqlite3
import threading
from contextlib import closing

from chassis import wal
from chassis.bus import Message
from chassis.bus.embedded import EmbeddedBus

SECRET = b"words of somebody who is gone"


def test_events_that_were_settled_leave_the_file_of_the_bus(tmp_path):
    bus, relay = EmbeddedBus(tmp_path / "bus.sqlite"), EmbeddedBus(tmp_path / "bus.sqlite")
    stopping = threading.Event()
    bus.declare("readers", ["x.said.v1"])
    bus.publish([Message("1", "x.said.v1", SECRET)])
    assert relay.reachable()

    def settle(deliveries):
        stopping.set()
        return len(deliveries)

    bus.consume("readers", ["x.said.v1"], settle, stopping, lambda: None)
    assert held(tmp_path)
    relay.idle()
    assert not held(tmp_path)


def test_somebody_who_reads_is_not_disturbed_and_it_is_done_the_next_time(tmp_path):
    file = tmp_path / "some.sqlite"
    with closing(opened(file)) as writer, closing(opened(file)) as reader:
        writer.execute("CREATE TABLE texts (text)")
        writer.execute("INSERT INTO texts VALUES (?)", (SECRET,))
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM texts").fetchall()
        writer.execute("DELETE FROM texts")
        wal.bring_in(file)
        assert reader.execute("SELECT text FROM texts").fetchall() == [(SECRET,)]
        reader.execute("COMMIT")
        wal.bring_in(file)
        assert not held(tmp_path)


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    wal.bring_in(tmp_path / "none.sqlite")
    assert list(tmp_path.iterdir()) == []


def opened(file):
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA secure_delete=ON")
    return connection


def held(folder):
    return any(SECRET in path.read_bytes() for path in folder.glob("*.sqlite*") if path.is_file())
