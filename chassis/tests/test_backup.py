"""Backups: taken while serving, refused unless whole and fitting, and put back so that nothing means two
things.
"""

import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from shop.app import MADE, PACK, Box, db
from shop.shelf import make

from chassis.backup import cli, files, restoring
from chassis.events import now
from chassis.schema import newest_revision

NEWEST = newest_revision(Path(__file__).parent / "shop" / "migrations")


def run(shop, *words):
    return shop.app.test_cli_runner().invoke(args=[str(word) for word in words])


def boxes(shop):
    with shop.app.app_context():
        return {row["id"]: (row["label"], row["version"]) for row in db.rows(sa.select(Box.__table__))}


def empty(shop):
    with shop.app.app_context():
        database = shop.app.extensions["sqlalchemy"]
        cli.release()
        tables = sa.MetaData()
        tables.reflect(database.engine)
        tables.drop_all(database.engine)
        cli.release()


@pytest.fixture
def saved(shop, tmp_path):
    """A backup of two boxes; afterwards one was relabelled and two more were made."""
    first, second = make(shop, "one"), make(shop, "two")
    file = tmp_path / "backups" / "shop.backup"
    done = run(shop, "backup", file)
    assert done.exit_code == 0, done.output
    with shop.app.app_context():
        db.session.execute(sa.update(Box).where(Box.id == first).values(label="later", version=7))
        db.session.commit()
    make(shop, "three")
    make(shop, "four")
    return file, first, second


def manifest(file):
    return json.loads(file.read_bytes().split(b"\n", 2)[1])


def test_it_says_what_it_holds_and_how_far_the_service_had_come(shop, saved):
    file, _, second = saved
    [*_, newest, _, _] = shop.outbox()
    told = manifest(file)
    position = told["position"]
    assert (told["service"], told["code"], position["schema"]) == ("shop", "1.0.0", NEWEST)
    assert (position["newest_event"], position["unsent"]) == (newest.id, 2)
    assert position["highest"] == {"boxes": second}
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["shop.backup"]


def test_what_was_there_is_there_again_and_wins_over_every_copy(shop, saved):
    file, first, second = saved
    assert run(shop, "restore", file, "--force").exit_code == 0
    assert [path.name for path in file.parent.iterdir()] == ["shop.backup"], "nothing lies about"
    restored = boxes(shop)
    assert {id: label for id, (label, _) in restored.items()} == {first: "one", second: "two"}
    assert all(version > 1_000_000_000_000 for _, version in restored.values())
    assert shop.anonymous().get("/readyz").json["checks"]["schema"] == "good"


def test_no_id_is_given_twice(shop, saved):
    file, _, second = saved
    run(shop, "restore", file, "--force")
    assert make(shop, "new") > second + 1_000_000


def test_events_that_had_not_been_sent_are_sent_again(shop, saved):
    file, *_ = saved
    before = [event.id for event in shop.outbox()][:2]
    run(shop, "restore", file, "--force")
    assert [event.id for event in shop.outbox()] == before


def test_restored_again_its_versions_win_again(shop, saved):
    file, first, _ = saved
    run(shop, "restore", file, "--force")
    _, once = boxes(shop)[first]
    run(shop, "restore", file, "--force")
    assert boxes(shop)[first][1] > once


def test_an_empty_database_needs_no_force(shop, saved):
    file, first, second = saved
    empty(shop)
    done = run(shop, "restore", file)
    assert done.exit_code == 0, done.output
    assert boxes(shop).keys() == {first, second}


def test_what_must_not_be_forgotten_is_taken_over(shop, saved):
    file, _, second = saved
    with shop.app.app_context():
        db.session.execute(sa.update(Box).where(Box.id == second).values(label="off:two"))
        db.session.commit()
    run(shop, "restore", file, "--force")
    assert [label for label, _ in boxes(shop).values()] == ["one", "off:two"]


def refused(shop, *words):
    """What it says, in one line, having changed nothing."""
    before = boxes(shop)
    answer = run(shop, "restore", *words)
    assert (answer.exit_code, boxes(shop)) == (1, before)
    [line] = answer.output.splitlines()
    return line


def test_a_database_with_something_in_it_is_refused(shop, saved):
    assert "not empty: --force replaces what is in it (make: FORCE=1)" in refused(shop, saved[0])


def test_a_service_that_runs_is_refused_also_by_force(shop, saved):
    url = shop.app.extensions["settings"].database_url
    engine = sa.create_engine(url)
    with engine.connect() as other:
        other.execute(sa.text("SELECT 1 FROM boxes"))
        assert "in use: stop the service" in refused(shop, saved[0], "--force")
    engine.dispose()


@pytest.mark.parametrize("length", [20, 2000, -1])
def test_a_part_of_a_file_is_refused(shop, saved, length):
    file, *_ = saved
    file.write_bytes(file.read_bytes()[:length])
    assert "damaged or not whole" in refused(shop, file, "--force") or length == 20


def test_a_changed_byte_is_refused(shop, saved):
    file, *_ = saved
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert "its checksum is wrong" in refused(shop, file, "--force")


def test_something_else_is_refused(shop, tmp_path):
    (tmp_path / "notes").write_text("not a backup " * 100)
    assert "is not a backup" in refused(shop, tmp_path / "notes", "--force")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"service": "bakery"}, "a backup of bakery"),
        ({"kind": "oracle"}, "a backup from oracle"),
        ({"schema": "9999"}, f"this code knows only {NEWEST}: upgrade first"),
    ],
)
def test_what_does_not_fit_is_refused(shop, saved, changed, reason, tmp_path):
    told = manifest(saved[0])
    position = files.Position(**told["position"] | {k: v for k, v in changed.items() if k == "schema"})
    values = told | {k: v for k, v in changed.items() if k != "schema"} | {"position": position}
    content = tmp_path / "content"
    content.write_bytes(b"nothing")
    files.write(tmp_path / "other", files.Manifest(**values), content)
    assert reason in refused(shop, tmp_path / "other", "--force")


def test_a_backup_is_not_overwritten(shop, saved):
    answer = run(shop, "backup", saved[0])
    assert (answer.exit_code, "is there already" in answer.output) == (1, True)


def test_a_backup_that_cannot_be_written_says_so_and_leaves_nothing(shop, tmp_path):
    (tmp_path / "file").touch()
    answer = run(shop, "backup", tmp_path / "file" / "x.backup")
    assert (answer.exit_code, "cannot be written" in answer.output) == (1, True)


def test_an_older_schema_is_brought_up_to_date(shop, tmp_path):
    import flask_migrate

    folder = shop.app.extensions["migrations"]
    with shop.app.app_context():
        flask_migrate.downgrade(directory=folder, revision="0002")
    file = tmp_path / "old.backup"
    assert run(shop, "backup", file).exit_code == 0
    with shop.app.app_context():
        flask_migrate.upgrade(directory=folder)
    done = run(shop, "restore", file, "--force")
    assert done.exit_code == 0, done.output
    assert shop.anonymous().get("/readyz").json["checks"]["schema"] == "good"


def test_its_copies_take_what_it_says_again(shop, saved):
    """Whoever has kept a later state gives it up for what the owner says now."""
    file, first, _ = saved
    shop.receive(MADE, first, 7, {"id": first, "label": "later"})
    with shop.app.app_context():
        [kept] = [row for row in db.rows(sa.select(Box.__table__)) if row["id"] == 1000 + first]
    run(shop, "restore", file, "--force")
    with shop.app.app_context():
        [state, _] = shop.app.extensions["snapshots"][MADE]("", 10)
    assert state.version > kept["version"]


def test_no_id_is_given_twice_though_the_clock_of_the_backup_was_ahead(shop, tmp_path, monkeypatch):
    make(shop, "one")
    with monkeypatch.context() as ahead:
        ahead.setattr(cli, "now", lambda: now() + timedelta(hours=1))
        assert run(shop, "backup", tmp_path / "shop.backup").exit_code == 0
    lost = make(shop, "lost")
    assert run(shop, "restore", tmp_path / "shop.backup", "--force").exit_code == 0
    assert make(shop, "new") > lost + 1_000_000


def give_far(shop):
    with shop.app.app_context():
        db.session.execute(sa.insert(Box).values(id=90_000_000, label="far"))
        restoring._continue_at(Box.__table__, 90_000_000)
        db.session.execute(sa.delete(Box).where(Box.id == 90_000_000))
        db.session.commit()


def test_ids_go_on_behind_what_the_replaced_database_has_given(shop, saved):
    """By more than the backup's age explains, and though the row is gone."""
    give_far(shop)
    assert run(shop, "restore", saved[0], "--force").exit_code == 0
    assert make(shop, "new") > 91_000_000


@pytest.fixture
def broken_off(shop, saved, monkeypatch):
    """A restore that ended right after the database was replaced, which had given far ids; a label was to be
    kept off.
    """
    file, _, second = saved
    give_far(shop)
    with shop.app.app_context():
        db.session.execute(sa.update(Box).where(Box.id == second).values(label="off:two"))
        db.session.commit()
    with monkeypatch.context() as ends:
        ends.setattr(cli, "upgrade", lambda: sys.exit(1))
        assert run(shop, "restore", file, "--force").exit_code == 1
    return file


UNUSABLE = "a restore was broken off: run it again"


def test_nobody_uses_a_database_whose_restore_was_broken_off(shop, broken_off, tmp_path):
    ready = shop.anonymous().get("/readyz")
    assert (ready.status_code, ready.json["checks"]["database"][: len(UNUSABLE)]) == (503, UNUSABLE)
    assert shop.anonymous().get("/api/v1/slow").status_code == 503
    new = {"label": "new"}
    assert shop.as_("ann", PACK).post("/api/v1/boxes/", json=new).status_code == 503


COMMANDS = (
    "prepare", "work", "backup another", "audit", "audit --dry-run", "resend", "resend all --to shop",
    "dead list", "dead retry --all", "dead drop 1",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_refuse_it_too_and_say_why(shop, broken_off, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    answer = run(shop, *command.split())
    assert (answer.exit_code, answer.output[: len(UNUSABLE) + 13]) == (1, f"Error: shop: {UNUSABLE}")
    assert answer.output.count("\n") == 1


def test_a_second_restore_finishes_the_job_and_knows_what_the_first_one_knew(shop, broken_off):
    done = run(shop, "restore", broken_off)
    assert done.exit_code == 0, done.output
    assert [label for label, _ in boxes(shop).values()] == ["one", "off:two"]
    assert all(version > 1_000_000_000_000 for _, version in boxes(shop).values())
    assert shop.anonymous().get("/readyz").status_code == 200
    assert make(shop, "new") > 91_000_000
    assert run(shop, "backup", broken_off.with_name("next")).exit_code == 0


def test_broken_off_twice_it_still_knows(shop, broken_off, monkeypatch):
    with monkeypatch.context() as ends:
        ends.setattr(restoring, "skip_ids", lambda *_: sys.exit(1))
        assert run(shop, "restore", broken_off).exit_code == 1
    assert shop.anonymous().get("/readyz").status_code == 503
    assert run(shop, "restore", broken_off).exit_code == 0
    assert [label for label, _ in boxes(shop).values()] == ["one", "off:two"]
