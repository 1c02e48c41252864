"""Prepared statements while their server changes: none is lost for good, and one request at most notices."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from shop.app import PACK, Box, create_app, db

from chassis.testing.service import Doors, dispose

pytestmark = pytest.mark.only_real

LABEL = sa.select(Box.label).where(Box.id == sa.bindparam("id", type_=sa.BigInteger))
HELD = sa.text("SELECT label FROM boxes WHERE id = :id FOR UPDATE")
ANY = sa.text("SELECT CAST(:text AS text) AS text")
LONG = sa.text("SELECT repeat('x', CAST(:size AS integer)) AS text")
PREPARED = sa.text("SELECT name FROM pg_prepared_statements")
CUT = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def packed(shop, label="x"):
    return shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": label})


def often(shop):
    """Until psycopg has prepared statements, too: it does so when it has seen one five times."""
    assert {packed(shop).status_code for _ in range(8)} == {201}


def elsewhere(shop, statement):
    """By somebody who is no part of the service, as a migration is."""
    engine = sa.create_engine(shop.app.extensions["settings"].database_url)
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


def test_writes_go_on_after_one_that_was_taken_back(shop):
    """With a rollback psycopg gives up all that is prepared on the connection, whoever has prepared it."""
    often(shop)
    assert shop.anonymous().get("/api/v1/nowhere").status_code == 500
    assert {packed(shop).status_code for _ in range(8)} == {201}
    assert len(shop.outbox()) == 16


@pytest.mark.parametrize("statement", ["DEALLOCATE ALL", "DISCARD ALL"])
def test_reads_go_on_where_the_server_knows_none_of_their_statements(shop, statement):
    with shop.app.app_context():
        for _ in range(3):
            assert db.value(ANY, {"text": "a"}) == "a"
        with shop.app.extensions["reader"].connect() as connection:
            connection.exec_driver_sql(statement)  # habit: both stand above
        for _ in range(3):
            assert db.value(ANY, {"text": "a"}) == "a"


def test_a_column_that_a_migration_widens_fails_no_read_and_one_transaction_at_most(shop):
    """PostgreSQL: cached plan must not change result type."""
    often(shop)
    with shop.app.app_context():
        id = db.value(sa.select(sa.func.min(Box.id)))
        for _ in range(3):
            assert (db.value(LABEL, {"id": id}), len(db.taken(HELD, {"id": id}))) == ("x", 1)
            db.session.commit()
        elsewhere(shop, "ALTER TABLE boxes ALTER label TYPE varchar(128)")
        assert db.value(LABEL, {"id": id}) == "x"
        with pytest.raises(sa.exc.NotSupportedError):
            db.taken(HELD, {"id": id})
        db.session.rollback()
        for _ in range(3):
            assert len(db.taken(HELD, {"id": id})) == 1
            db.session.commit()


def test_a_column_that_a_migration_adds_fails_nothing(shop):
    often(shop)
    elsewhere(shop, "ALTER TABLE boxes ADD COLUMN colour varchar(8)")
    assert {packed(shop).status_code for _ in range(3)} == {201}
    assert shop.as_("ann").get("/api/v1/boxes/").status_code == 200


def test_connections_that_the_server_has_cut_fail_one_request_with_503_and_not_the_next(shop):
    often(shop)
    elsewhere(shop, CUT)
    assert [packed(shop).status_code for _ in range(3)] == [503, 201, 201]
    shop.as_("ann").get("/api/v1/boxes/")
    elsewhere(shop, CUT)
    answers = [shop.as_("ann").get("/api/v1/boxes/").status_code for _ in range(4)]
    assert set(answers[2:]) == {200}
    assert set(answers[:2]) <= {200, 503}


def test_of_many_connections_that_were_cut_one_fails_and_the_others_are_made_anew(shop):
    with shop.app.app_context():
        engine = shop.app.extensions["reader"]
        for connection in [engine.raw_connection() for _ in range(4)]:
            connection.close()
        for _ in range(3):
            assert db.value(ANY, {"text": "a"}) == "a"
        elsewhere(shop, CUT)
        with pytest.raises(sa.exc.OperationalError):
            db.value(ANY, {"text": "a"})
        for connection in [engine.raw_connection() for _ in range(4)]:
            assert connection.driver_connection.execute("SELECT 1").fetchone() == (1,)
            connection.close()


def test_a_transaction_that_is_cut_keeps_nothing_and_the_next_one_all(shop):
    often(shop)
    with shop.app.app_context():
        box = sa.text("INSERT INTO boxes (label, version) VALUES (:label, 1)")
        for _ in range(3):
            db.change(box, {"label": "before"})
            db.session.rollback()
        db.change(box, {"label": "cut"})
        elsewhere(shop, CUT)
        with pytest.raises(sa.exc.OperationalError):
            db.change(box, {"label": "cut"})
        db.session.rollback()
        db.change(box, {"label": "whole"})
        db.session.commit()
        kept = db.rows(sa.select(Box.label).where(Box.label != "x"))
    assert [row["label"] for row in kept] == ["whole"]


@pytest.mark.parametrize(
    ("text", "error"), [("a\0b", sa.exc.DataError), ("a\ud800b", UnicodeEncodeError)], ids=["NUL", "half"]
)
def test_a_text_that_cannot_be_sent_is_refused_before_it_is_and_the_transaction_goes_on(shop, text, error):
    with shop.app.app_context():
        for _ in range(3):
            assert len(db.taken(ANY, {"text": "a"})) == 1
        with pytest.raises(error):
            db.taken(ANY, {"text": text})
        assert [row["text"] for row in db.taken(ANY, {"text": "a"})] == ["a"]
        db.session.rollback()


def held():
    """Bytes of memory that this process has."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line[:6] == "VmRSS:"]
    return int(line.split()[1]) * 1024


def test_a_connection_that_rests_holds_nothing_of_what_was_read_last(shop):
    """Next to the largest page that anybody has asked for, each of them."""
    size = 64 * 1024 * 1024
    with shop.app.app_context():
        for _ in range(3):
            assert len(db.value(LONG, {"size": size})) == size
        resting = held()
        assert db.value(LONG, {"size": 1}) == "x"
        assert resting - held() < size / 2


@pytest.fixture
def pooled(shop):
    """The shop, told that there is a pooler before its database."""
    settings = shop.app.extensions["settings"]
    url = sa.make_url(settings.database_url)
    app = create_app(settings.model_copy(update={"database_pooler": f"{url.host}:{url.port}"}))
    yield Doors(app, shop.signer)
    dispose(app)


def test_behind_a_pooler_nothing_is_prepared(pooled):
    """There the next transaction may be another server connection's, which knows nothing of it."""
    often(pooled)
    with pooled.app.app_context():
        id = db.value(sa.select(sa.func.min(Box.id)))
        for _ in range(8):
            assert (db.value(LABEL, {"id": id}), len(db.taken(HELD, {"id": id}))) == ("x", 1)
            assert [list(db.rows(PREPARED)), list(db.taken(PREPARED))] == [[], []]
            db.session.rollback()
