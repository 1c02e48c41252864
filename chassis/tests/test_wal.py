"""What was deleted from SQLite's files is not in them any more a little later."""

import random
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
        wal.checkpoint(file)
        assert reader.execute("SELECT text FROM texts").fetchall() == [(SECRET,)]
        reader.execute("COMMIT")
        wal.checkpoint(file)
        assert not held(tmp_path)


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    wal.checkpoint(tmp_path / "none.sqlite")
    wal.vacuum_if_asked(tmp_path / "none.sqlite")
    wal.mark_of(tmp_path / "none.sqlite").touch()
    wal.vacuum_if_asked(tmp_path / "none.sqlite")
    assert list(tmp_path.iterdir()) == [wal.mark_of(tmp_path / "none.sqlite")]


def test_what_stayed_behind_on_a_page_leaves_with_the_rewriting(tmp_path):
    """Pages that are split can keep what moved."""
    file = tmp_path / "some.sqlite"
    with closing(opened(file)) as writer:
        remnant(writer)
        wal.checkpoint(file)
        assert held(tmp_path), "SQLite leaves nothing behind any more: rewriting is not needed"
        wal.vacuum_if_asked(file)
        assert held(tmp_path), "nobody has asked"
        wal.ask_for_vacuum(file)
        wal.vacuum_if_asked(file)
        wal.checkpoint(file)
        assert not held(tmp_path)
        assert not wal.mark_of(file).exists()


def test_while_somebody_writes_the_rewriting_waits(tmp_path):
    file = tmp_path / "some.sqlite"
    with closing(opened(file)) as writer:
        writer.execute("CREATE TABLE texts (text)")
        writer.execute("BEGIN IMMEDIATE")
        wal.ask_for_vacuum(file)
        wal.vacuum_if_asked(file)
        assert wal.mark_of(file).exists()
        writer.execute("COMMIT")
        wal.vacuum_if_asked(file)
        assert not wal.mark_of(file).exists()


def test_a_large_file_is_left_to_its_keeper_who_is_told(tmp_path, monkeypatch, caplog):
    caplog.set_level("WARNING")  # apps of other tests leave theirs
    file = tmp_path / "some.sqlite"
    monkeypatch.setattr(wal, "LARGEST", 100)
    with closing(opened(file)) as writer:
        writer.execute("CREATE TABLE texts (text)")
        wal.checkpoint(file)
        wal.ask_for_vacuum(file)
        wal.vacuum_if_asked(file)
        assert wal.mark_of(file).exists()
    assert ["VACUUM" in record.getMessage() for record in caplog.records] == [True]


def remnant(writer):
    """Rows of different sizes in no order, so that pages are split; then those with the words are deleted."""
    chance = random.Random(4)
    writer.execute("CREATE TABLE texts (key TEXT PRIMARY KEY, text) WITHOUT ROWID")
    for number in range(300):
        text = (b"other" if number % 3 else SECRET) * chance.randrange(1, 40)
        writer.execute("INSERT INTO texts VALUES (?, ?)", (f"{chance.getrandbits(64):016x}", text))
    writer.execute("DELETE FROM texts WHERE substr(text, 1, ?) = ?", (len(SECRET), SECRET))


def opened(file):
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA secure_delete=ON")
    return connection


def held(folder):
    return any(SECRET in path.read_bytes() for path in folder.glob("*.sqlite*") if path.is_file())
