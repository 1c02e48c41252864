"""Reads that go straight to the driver give what SQLAlchemy would have given, errors included."""

import pytest
import sqlalchemy as sa
from shop.app import PACK, Box, db

from chassis.events import now

AGAIN = range(4)  # the first is SQLAlchemy's, the second is compiled, the others find it ready
HANDLED = sa.select(db.inbox.c.event_id, db.inbox.c.handled_at, sa.null().label("none"))
BOXES = sa.select(Box.id, Box.label, (Box.version > 0).label("good")).where(Box.label != "c").order_by(Box.id)
ONE = sa.select(Box.id).where(Box.id == sa.bindparam("id", type_=sa.Integer))
AMONG = sa.select(Box.label).where(Box.label.in_(sa.bindparam("labels", expanding=True))).order_by(Box.label)
ALL = sa.text("SELECT label AS text FROM boxes WHERE label LIKE '%a' OR label = :label").columns(
    text=sa.String
)
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
    for _ in AGAIN:
        db.value(ONE, {"id": 1})
    engine = filled.app.extensions["reader"]
    connection = engine.raw_connection()
    driver = connection.driver_connection
    connection.close()
    driver.close()
    with pytest.raises(sa.exc.DBAPIError):
        db.value(ONE, {"id": 1})
    assert db.value(ONE, {"id": 1}) == 1


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
