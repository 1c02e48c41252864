"""Threads that write to an SQLite file stand in line for its lock, and nobody keeps it who is gone."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

import chassis.database
import chassis.turns
from chassis.database import engine_options
from chassis.testing.polling import eventually
from chassis.turns import Turns

LIMIT = 10  # seconds, far more than a turn takes
PUT = sa.text("INSERT INTO things (name) VALUES (:name)")


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A file with one table, whose writers would wait for each other nearly for ever."""
    monkeypatch.setattr(chassis.turns, "IN_QUEUE", 10 * LIMIT)
    monkeypatch.setattr(chassis.database, "BUSY_MS", 500)
    url = sa.make_url(f"sqlite:///{tmp_path}/things.sqlite")
    engine = sa.create_engine(url, **engine_options(url, threads=8))
    sa.event.listen(engine, "connect", lambda driver, _: setattr(driver, "isolation_level", None))
    Turns(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE things (name TEXT UNIQUE NOT NULL)"))
    yield engine
    engine.dispose()


def put(engine, name):
    with engine.begin() as connection:
        connection.execute(PUT, {"name": name})


def names(engine):
    with engine.begin() as connection:
        return set(connection.scalars(sa.text("SELECT name FROM things")))


def test_one_thread_looks_for_the_lock_while_the_others_stand_in_line(engine):
    coming, looking, most = [], [], []

    def looks(_, __, statement, *___):
        if statement == "BEGIN IMMEDIATE":
            looking.append(statement)
            most.append(len(looking))

    sa.event.listen(engine, "checkout", lambda *_: coming.append(True))
    sa.event.listen(engine, "before_cursor_execute", looks)
    sa.event.listen(engine, "commit", lambda _: looking.pop())
    with (
        closing(sqlite3.connect(engine.url.database, isolation_level=None)) as other,
        ThreadPoolExecutor(4) as them,
    ):
        other.execute("BEGIN IMMEDIATE")
        puts = [them.submit(put, engine, name) for name in "abcd"]
        eventually(lambda: len(coming) == 4 and looking)
        other.execute("COMMIT")
        for each in puts:
            each.result(LIMIT)
    assert most == [1, 1, 1, 1]
    assert names(engine) == set("abcd")


def rolled_back(engine):
    with engine.connect() as connection:
        connection.execute(PUT, {"name": "never"})
        connection.rollback()


def refused(engine):
    put(engine, "twice")
    with pytest.raises(sa.exc.IntegrityError):
        put(engine, "twice")


def cut(engine):
    with engine.connect() as connection:
        connection.execute(PUT, {"name": "never"})
        connection.connection.driver_connection.close()
        with pytest.raises(sa.exc.ProgrammingError):
            connection.execute(PUT, {"name": "never"})


def given_up(engine):
    with engine.connect() as connection:
        connection.execute(PUT, {"name": "never"})
        connection.invalidate()


def several(engine):
    """Transactions on one connection."""
    with engine.connect() as connection:
        for name in ("first", "second"):
            connection.execute(PUT, {"name": name})
            connection.commit()


def in_vain(engine):
    """Somebody else has the file for longer than one looks for its lock."""
    with closing(sqlite3.connect(engine.url.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sa.exc.OperationalError):
            put(engine, "never")
        with Session(engine) as session, pytest.raises(sa.exc.OperationalError):
            session.execute(PUT, {"name": "never"})


@pytest.mark.parametrize("ended", [rolled_back, refused, cut, given_up, several, in_vain])
def test_a_turn_ends_with_its_transaction_whatever_ends_that(engine, ended):
    with ThreadPoolExecutor(1) as them:
        them.submit(ended, engine).result(LIMIT)
        for name in "xy":
            them.submit(put, engine, name).result(LIMIT)
    assert {"x", "y"} <= names(engine)
    assert "never" not in names(engine)


def test_whoever_has_stood_in_line_for_long_looks_for_itself(engine, monkeypatch):
    """As beside a transaction that erases very much."""
    monkeypatch.setattr(chassis.turns, "IN_QUEUE", 0.01)
    with ThreadPoolExecutor(1) as them, engine.connect() as first:
        first.execute(PUT, {"name": "first"})
        second = them.submit(put, engine, "second")
        assert not second.done()
        first.commit()
        second.result(LIMIT)
    assert names(engine) == {"first", "second"}
