"""Statements that go straight to the driver give what SQLAlchemy would have given, errors included."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC

import pytest
import sqlalchemy as sa
from shop.app import PACK, Box, db

from chassis import libpq, reading
from chassis.events import now
from chassis.reading import Locking

AGAIN = range(4)  # the first is SQLAlchemy's, the second is compiled, the others find it ready
HANDLED = sa.select(db.inbox.c.event_id, db.inbox.c.handled_at, sa.null().label("none"))
BOXES = sa.select(Box.id, Box.label, (Box.version > 0).label("good")).where(Box.label != "c").order_by(Box.id)
ONE = sa.select(Box.id).where(Box.id == sa.bindparam("id", type_=sa.Integer))
AMONG = sa.select(Box.label).where(Box.label.in_(sa.bindparam("labels", expanding=True))).order_by(Box.label)
ALL = sa.text("SELECT label AS text FROM boxes WHERE label LIKE '%a' OR label = :label").columns(
    text=sa.String
)
HELD = Locking("SELECT id, label FROM boxes WHERE label = :label FOR UPDATE")
MADE = sa.text("INSERT INTO boxes (label, version) VALUES (:label, 1) RETURNING label, version")
RAISED = sa.text("UPDATE boxes SET version = version + :by WHERE label <> :but")
TWICE = sa.text("INSERT INTO boxes (id, label, version) VALUES (:id, 'again', 1)")
NOWHERE = sa.select(sa.column("x")).select_from(sa.text("nowhere"))


@pytest.fixture
def filled(shop):
    """Three boxes and an event that was handled."""
    for label in "abc":
        shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": label})
    with shop.app.app_context():
        row = {"event_id": "1", "type": "x", "handled_at": now()}
        db.session.execute(sa.insert(db.inbox).values(row))
        db.session.commit()
        yield shop


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (HANDLED, {}),
        (BOXES, {}),
        (ONE, {"id": 1}),
        (ONE, {"id": 99}),
        (AMONG, {"labels": ["a", "c"]}),
        (ALL, {"label": "b"}),
    ],
)
def test_a_read_gives_the_same_however_often_it_was_done(filled, statement, values):
    with filled.app.extensions["reader"].connect() as connection:
        expected = [dict(row) for row in connection.execute(statement, values).mappings()]
    for _ in AGAIN:
        assert [dict(row) for row in db.rows(statement, values)] == expected
        first = db.row(statement, values)
        assert (dict(first) if first else None) == (expected[0] if expected else None)
        assert db.value(statement, values) == (next(iter(expected[0].values())) if expected else None)


def test_a_read_that_cannot_be_done_fails_alike_however_often_it_was_tried(filled):
    failures = []
    for _ in AGAIN:
        with pytest.raises(sa.exc.DBAPIError) as failure:
            db.rows(NOWHERE)
        failures.append((type(failure.value), type(failure.value.orig), failure.value.statement))
    assert len(set(failures)) == 1


def test_connections_that_were_cut_fail_one_read_and_not_the_next(filled):
    with opened(filled) as connections:
        for _ in AGAIN:
            db.value(ONE, {"id": 1})
    for each in connections:
        each.close()
    with pytest.raises(sa.exc.DBAPIError):
        db.value(ONE, {"id": 1})
    assert db.value(ONE, {"id": 1}) == 1


@pytest.mark.only_real  # SQLite's file goes nowhere
def test_a_connection_that_has_rested_is_asked_before_it_is_used(filled, monkeypatch):
    with opened(filled) as connections:
        for _ in AGAIN:
            db.value(ONE, {"id": 1})
    for each in connections:
        each.close()
    monkeypatch.setattr(reading, "RESTED", 0.0)
    assert db.value(ONE, {"id": 1}) == 1


def test_the_connection_that_was_read_by_last_is_read_by_next(filled):
    """Without the pool, which is asked for what comes at once; it counts nothing as used that rests."""
    engine, taken = filled.app.extensions["reader"], []
    for _ in AGAIN:
        db.value(ONE, {"id": 1})
    sa.event.listen(engine, "checkout", lambda *given: taken.append(given))
    for _ in AGAIN:
        db.value(ONE, {"id": 1})
    assert taken == []
    with ThreadPoolExecutor(4) as pool, engine.connect():
        found = [done.result() for done in [pool.submit(within(filled), {"id": 1}) for _ in range(40)]]
    assert found == [1] * 40
    assert engine.pool.checkedout() - filled.app.extensions["driver"].resting == 0


def test_a_closed_pool_has_no_connection_at_hand(filled):
    """Or a database could not be put back, or removed."""
    with opened(filled) as connections:
        for _ in AGAIN:
            db.value(ONE, {"id": 1})
    filled.app.extensions["reader"].dispose()
    assert filled.app.extensions["driver"].resting == 0
    for each in connections:
        with pytest.raises(filled.app.extensions["reader"].dialect.loaded_dbapi.Error):
            each.execute("SELECT 1")


@contextmanager
def opened(doors):
    """The connections for reading that are opened meanwhile; none is open before."""
    engine, found = doors.app.extensions["reader"], []
    engine.dispose()
    hook = lambda connection, _: found.append(connection)  # noqa: E731
    sa.event.listen(engine, "connect", hook)
    try:
        yield found
    finally:
        sa.event.remove(engine, "connect", hook)
    assert found


def within(doors):
    """Reads in a thread of its own."""

    def read(values):
        with doors.app.app_context():
            return db.value(ONE, values)

    return read


def test_a_database_that_cannot_be_reached_has_the_same_name_however_often_it_is_tried(filled):
    """So that whoever asks is told 503, not 500."""
    engine = filled.app.extensions["reader"]
    for _ in AGAIN:
        db.rows(BOXES)

    def nobody_there(*_):
        raise engine.dialect.loaded_dbapi.OperationalError("connection refused")

    sa.event.listen(engine, "do_connect", nobody_there)
    for _ in AGAIN:
        engine.dispose()
        with pytest.raises(sa.exc.OperationalError):
            db.rows(BOXES)


def test_a_transaction_s_statement_does_the_same_however_often_it_was_done(filled):
    for _ in AGAIN:
        assert db.change(RAISED, {"by": 2, "but": "c"}) == 2
        assert db.change(RAISED, {"by": 2, "but": "c"}) == 2
        assert [dict(row) for row in db.taken(MADE, {"label": "d"})] == [{"label": "d", "version": 1}]
        assert [row["label"] for row in db.taken(HELD, {"label": "a"})] == ["a"]
        assert list(db.taken(HELD, {"label": "nobody's"})) == []
        db.session.rollback()
    assert db.change(RAISED, {"by": 2, "but": "c"}) == 2
    db.session.commit()
    found = db.rows(sa.select(Box.label, Box.version).order_by(Box.label))
    assert [tuple(row.values()) for row in found] == [("a", 3), ("b", 3), ("c", 1)]


def test_a_statement_begins_a_transaction_also_when_the_one_before_was_kept(filled):
    """Else it would be kept at once, whatever comes of the rest."""
    for _ in AGAIN:
        assert db.change(RAISED, {"by": 1, "but": "c"}) == 2
        db.session.commit()
    for _ in AGAIN:
        assert db.change(RAISED, {"by": 100, "but": "c"}) == 2
        db.session.rollback()
        assert db.change(RAISED, {"by": 1, "but": "c"}) == 2
        db.session.commit()
    found = db.rows(sa.select(Box.label, Box.version).order_by(Box.label))
    assert [tuple(row.values()) for row in found] == [("a", 9), ("b", 9), ("c", 1)]


def test_a_transaction_s_statement_finds_what_its_objects_have_changed(filled):
    for number in AGAIN:
        db.session.add(Box(label=f"new {number}"))
        assert len(db.taken(HELD, {"label": f"new {number}"})) == 1
    db.session.rollback()


def test_a_transaction_s_statement_that_cannot_be_done_fails_alike_and_the_next_transaction_goes_on(filled):
    taken = db.value(ONE, {"id": 1})
    for _ in AGAIN:
        with pytest.raises(sa.exc.IntegrityError):
            db.change(TWICE, {"id": taken})
        db.session.rollback()
        assert db.change(RAISED, {"by": 1, "but": "c"}) == 2
        db.session.rollback()


def test_a_connection_that_was_cut_fails_its_transaction_and_not_the_next(filled):
    for _ in AGAIN:
        db.change(RAISED, {"by": 1, "but": "c"})
    db.session.connection().connection.driver_connection.close()
    with pytest.raises(sa.exc.DBAPIError):
        db.change(RAISED, {"by": 1, "but": "c"})
    db.session.rollback()
    assert db.change(RAISED, {"by": 1, "but": "c"}) == 2
    db.session.commit()


def test_statements_of_a_transaction_are_counted_like_reads(filled):
    def three():
        db.change(RAISED, {"by": 1, "but": "c"})
        db.taken(HELD, {"label": "a"})
        db.value(ONE, {"id": 1})
        db.session.rollback()

    for _ in AGAIN:
        three()
    begun = filled.app.extensions["sqlalchemy"].engine.dialect.name == "sqlite"  # it is told to begin
    assert filled.statements(three) == 3 + begun


ANY = sa.text("SELECT CAST(:one AS bigint) AS one, CAST(:two AS text) AS two, :one AS again, '100%' AS per")


@pytest.mark.parametrize(
    "values",
    [
        {"one": 1, "two": "it's 50 %, $1 and :two"},
        {"one": 2**40, "two": "ä\n\\\U0001f600"},
        {"one": -1, "two": ""},
        {"one": None, "two": None},
    ],
)
def test_values_come_back_as_they_went(shop, values):
    with shop.app.app_context():
        for _ in AGAIN:
            found = db.row(ANY, values)
            assert (found["one"], found["two"], found["per"]) == (values["one"], values["two"], "100%")
            assert found["again"] in (values["one"], str(values["one"]))  # of no type that anybody has told


@pytest.mark.only_real
def test_moments_come_in_utc_wherever_the_server_stands(filled):
    moment = sa.text("SELECT timestamptz '2026-11-28 01:00+01' AS at")
    for _ in AGAIN:
        assert db.value(moment).tzinfo is UTC


@pytest.mark.only_real
def test_a_statement_is_prepared_once_and_no_connection_keeps_ever_more_of_them(filled, monkeypatch):
    """A text whose values are of other types is another statement to the server: NULL, and larger numbers."""
    monkeypatch.setattr(libpq, "MOST", 3)
    kept = sa.text("SELECT count(*) AS many FROM pg_prepared_statements WHERE name LIKE 'flasky_%'")
    for _ in AGAIN:
        assert db.value(kept) in (0, 1)
    for number in (1, 2**17, 1, 2**17):
        assert db.value(ONE, {"id": number}) == (1 if number == 1 else None)
        assert db.value(ONE, {"id": number}) == (1 if number == 1 else None)
    assert db.value(kept) == 3
    assert len(db.rows(BOXES)) == len(db.rows(BOXES)) == 2
    assert db.value(ONE, {"id": 1}) == 1
    assert db.value(kept) == 3


@pytest.mark.only_real
def test_a_statement_that_takes_too_long_is_ended_by_the_server_and_the_connection_goes_on(filled):
    slow = sa.text("SELECT pg_sleep(:seconds) AS slept")
    for _ in range(2):
        db.value(slow, {"seconds": 0})
    with filled.app.extensions["reader"].connect() as connection:
        connection.execute(sa.text("SET statement_timeout = '50ms'"))
    with pytest.raises(sa.exc.OperationalError, match="statement timeout"):
        db.value(slow, {"seconds": 30})
    assert db.value(slow, {"seconds": 0}) == ""
