"""Audits by hand: a copy is compared with its owner, what is wrong is counted and repaired."""

import pytest
import sqlalchemy as sa
from auditing import ALL_GOOD, boxes, deliver, handled_by, metric, passes, run, seen, sql
from shop.app import Seen, db
from shop.shelf import make

from chassis.inbox import Consumers


def test_what_is_right_is_left_alone(stocked):
    done = run(stocked)
    assert (done.exit_code, done.output) == (
        0,
        f"seen boxes: 10 looked at, {ALL_GOOD}\nalike: 10 looked at, {ALL_GOOD}\n",
    )


CORRUPTIONS = {
    "another text at the same version": "UPDATE seen SET label = 'wrong' WHERE id = 3",
    "a version ahead of the owner's": "UPDATE seen SET label = 'wrong', version = 99 WHERE id = 3",
    "a version behind the owner's": "UPDATE seen SET label = 'wrong', version = 0 WHERE id = 3",
    "the right text at a version ahead": "UPDATE seen SET version = 99 WHERE id = 3",
    "the right text at a version behind": "UPDATE seen SET version = 0 WHERE id = 3",
    "a missing row": "DELETE FROM seen WHERE id = 3",
    "the last row missing": "DELETE FROM seen WHERE id = 10",
    "a row that the owner does not know": "INSERT INTO seen VALUES (77, 'ghost', 1, 0)",
    "all rows missing": "DELETE FROM seen",
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_wrong_copy_is_found_and_repaired(stocked, name):
    sql(stocked, CORRUPTIONS[name])
    counted = run(stocked, "--dry-run")
    assert counted.exit_code == 1
    assert ", 0 repaired" in counted.output
    assert seen(stocked) != boxes(stocked)
    assert run(stocked).exit_code == 0
    assert seen(stocked) == boxes(stocked)
    assert ALL_GOOD in run(stocked).output


def test_the_answer_counts_each_kind(stocked):
    for name in (
        "another text at the same version",
        "the last row missing",
        "a row that the owner does not know",
    ):
        sql(stocked, CORRUPTIONS[name])
    [first, _] = run(stocked).output.splitlines()
    assert first == "seen boxes: 11 looked at, 1 differing, 1 missing, 1 extra, 3 repaired"


def test_numbers_that_are_kept_are_counted_again(stocked):
    make(stocked, "box 1")
    deliver(stocked)
    assert "2 differing" in run(stocked).output.splitlines()[1]
    sql(stocked, "UPDATE seen SET alike = 40 WHERE id = 5")
    assert "1 differing, 0 missing, 0 extra, 1 repaired" in run(stocked).output
    with stocked.app.app_context():
        assert db.value(sa.select(sa.func.sum(Seen.alike))) == 2


def test_an_owner_that_is_away_is_said(stocked):
    stocked.app.extensions["settings"].shop_url = "http://127.0.0.1:9"
    done = run(stocked)
    assert (done.exit_code, "shop does not answer" in done.output) == (1, True)


def test_what_cannot_be_repaired_is_left_and_said(stocked, monkeypatch):
    sql(stocked, "UPDATE seen SET label = 'wrong' WHERE id IN (3, 4)")
    handled_by(stocked, monkeypatch, lambda event: None)
    done = run(stocked)
    assert (done.exit_code, "2 rows are not as their owners hold them" in done.output) == (1, True)
    assert list(passes(stocked)) == ["alike"], "nobody may think that the other copy is right"


def test_without_an_address_only_what_is_our_own_is_audited(shop):
    told = run(shop)
    assert [line.split(":")[0] for line in told.output.splitlines()] == ["alike", "Error"]
    assert "not all was compared" in told.output
    assert told.exit_code == 1


def test_drift_and_passes_can_be_watched(stocked):
    sql(stocked, "UPDATE seen SET label = 'wrong' WHERE id = 9")
    before = metric(stocked, 'audit_drift_total{copy="seen boxes",kind="changed"}')
    run(stocked)
    assert metric(stocked, 'audit_drift_total{copy="seen boxes",kind="changed"}') == before + 1
    assert 0 <= metric(stocked, 'audit_last_pass_age_seconds{of="seen boxes"}') < 60


def test_a_copy_is_declared_beside_its_handlers():
    consumers = Consumers()
    consumers.keeps("one", "two")
    assert consumers.copies == ["one", "two"]
