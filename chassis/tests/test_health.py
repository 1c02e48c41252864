"""Health, metrics, and the commands that make a service ready."""

import json
import shutil
from pathlib import Path

import sqlalchemy as sa
from shop.app import MADE, PACK, BoxState, create_app, db

from chassis import outbox
from chassis.schema import newest_revision
from chassis.testing.service import dispose

MIGRATIONS = Path(__file__).parent / "shop" / "migrations"
NEWEST = newest_revision(MIGRATIONS)
NEXT, AFTER = (f"{int(NEWEST) + more:04}" for more in (1, 2))


def test_alive_needs_nothing_and_ready_tells_each_check(shop):
    assert shop.anonymous().get("/livez").json == {"status": "alive"}
    answer = shop.anonymous().get("/readyz")
    assert answer.json == {"status": "ready", "checks": {"database": "good", "schema": "good", "bus": "good"}}


def test_an_older_schema_is_not_ready_and_says_what_to_do(shop):
    with shop.app.app_context():
        db.session.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))
        db.session.commit()
    answer = shop.anonymous().get("/readyz")
    assert (answer.status_code, answer.json["checks"]["schema"]) == (
        503,
        f"the schema is at 0000, this code needs {NEWEST}: run prepare",
    )


def test_a_database_that_is_not_there_is_not_ready_but_alive(shop, tmp_path):
    settings = shop.app.extensions["settings"]
    gone = tmp_path / "folder"
    app = create_app(settings.model_copy(update={"database_url": f"sqlite:///{gone}/x.sqlite"}))
    shutil.rmtree(gone)
    client = app.test_client()
    assert (client.get("/readyz").status_code, client.get("/livez").status_code) == (503, 200)
    assert client.get("/metrics").text.count("database_up 0.0") == 1
    refused = client.get("/api/v1/slow")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    dispose(app)


def test_a_bus_that_is_away_is_told_and_does_not_stop_the_api(shop):
    app = create_app(
        shop.app.extensions["settings"].model_copy(update={"bus_url": "amqp://x:y@127.0.0.1:9/"})
    )
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.json["checks"]["bus"]) == (200, "the bus does not answer; events wait")
    dispose(app)


def test_metrics_tell_requests_and_what_waits(shop):
    shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": "x"})
    text = shop.anonymous().get("/metrics").text
    assert 'http_requests_total{method="POST",route="/api/v1/boxes/",status="201"}' in text
    assert 'http_request_duration_seconds_bucket{le="0.005",method="POST",route="/api/v1/boxes/"}' in text
    [age] = [line for line in text.splitlines() if line.startswith("outbox_oldest_unsent_age_seconds ")]
    assert 0 < float(age.split()[1]) < 60
    for name in (
        "inbox_oldest_unhandled_age_seconds 0.0",
        "events_parked 0.0",
        "relays_running",
        "consumers_running",
    ):
        assert name in text


def test_prepare_may_be_repeated(shop):
    for _ in range(2):
        answer = shop.app.test_cli_runner().invoke(args=["prepare"])
        assert (answer.exit_code, answer.output) == (0, "shop: prepared\n")


def test_prepare_says_what_is_away_and_gives_up_after_its_time(shop):
    app = create_app(
        shop.app.extensions["settings"].model_copy(update={"bus_url": "amqp://x:y@127.0.0.1:9/"})
    )
    answer = app.test_cli_runner().invoke(args=["prepare", "--wait", "0"])
    assert (
        answer.exit_code,
        "shop: RabbitMQ: AMQPConnectionError. Check DATABASE_URL and BUS_URL." in answer.output,
    ) == (1, True)
    dispose(app)


def test_the_contract_is_written_from_the_code(shop, tmp_path):
    shop.app.extensions["migrations"] = str(tmp_path / "shop" / "migrations")
    shop.app.test_cli_runner().invoke(args=["openapi"])
    document = json.loads(Path(tmp_path / "shop/contract/openapi.json").read_text())
    schema = json.loads(Path(tmp_path / "shop/contract/events/shop.box_made.v1.json").read_text())
    make = document["paths"]["/api/v1/boxes/"]["post"]
    assert document["openapi"] == "3.1.0"
    assert "/internal/count" not in document["paths"]
    assert set(make["responses"]) == {"201", "400", "401", "403", "410", "413", "415", "422", "503"}
    assert make["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/NewBox"
    }
    assert make["security"] == [{"basic": []}, {"bearer": []}]
    assert "security" not in document["paths"]["/api/v1/door"]["get"]
    assert set(schema["properties"]) == {"id", "label"}


def test_flask_migrates_own_commands_are_there(shop):
    answer = shop.app.test_cli_runner().invoke(args=["db", "--help"])
    assert (answer.exit_code, "downgrade" in answer.output) == (0, True)


CONTRACTION = f"""
revision = "{NEXT}"
down_revision = "{NEWEST}"
phase = "contract"


def upgrade():
    pass


def downgrade():
    pass
"""


def with_migrations(shop, tmp_path, *files):
    """The shop with migrations of a later release."""
    folder = tmp_path / "migrations"
    shutil.copytree(shop.app.extensions["migrations"], folder)
    for number, text in zip((NEXT, AFTER), files, strict=False):
        (folder / "versions" / f"{number}_later.py").write_text(text)
    shop.app.extensions["migrations"] = str(folder)
    return shop


def revision(shop):
    with shop.app.app_context():
        return db.session.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def test_the_schema_grows_before_a_rollout_and_is_tidied_after_it(shop, tmp_path):
    with_migrations(shop, tmp_path, CONTRACTION)
    runner = shop.app.test_cli_runner()
    assert runner.invoke(args=["prepare", "--phase", "expand"]).output == "shop: prepared\n"
    assert (revision(shop), shop.anonymous().get("/readyz").status_code) == (NEWEST, 200)
    assert runner.invoke(args=["prepare", "--phase", "contract"]).output == "shop: prepared\n"
    assert (revision(shop), shop.anonymous().get("/readyz").status_code) == (NEXT, 200)


def test_a_release_that_needs_what_comes_after_an_open_contraction_is_told(shop, tmp_path):
    later = CONTRACTION.replace(NEXT, AFTER).replace(NEWEST, NEXT).replace('phase = "contract"', "")
    with_migrations(shop, tmp_path, CONTRACTION, later)
    answer = shop.app.test_cli_runner().invoke(args=["prepare", "--phase", "expand"])
    assert (answer.exit_code, revision(shop)) == (1, NEWEST)
    assert f"{AFTER} comes after {NEXT}, which tidies up" in answer.output


def metric(shop, name):
    text = shop.anonymous().get("/metrics").text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def test_facts_are_counted_when_they_are_committed_and_not_before(shop):
    before = metric(shop, "events_recorded_total{")
    with shop.app.test_request_context():
        outbox.add(MADE, 1, 1, BoxState(id=1, label="x"))
        db.session.rollback()
    assert metric(shop, "events_recorded_total{") == before
    shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": "x"})
    assert metric(shop, "events_recorded_total{") == before + 1


def test_metrics_tell_what_is_in_use(shop):
    text = shop.anonymous().get("/metrics").text
    assert "http_requests_in_progress 1.0" in text  # this one
    assert 'database_connections{pool="reads"} 6.0' in text
    assert 'database_connections_in_use{pool="writes"}' in text
