"""Audits: a copy is compared with its owner and repaired; nothing newer is undone, nothing late is drift."""

import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa
from shop.app import MADE, PACK, BoxState, Seen, db, see

from chassis import freshness
from chassis.audit import looks, mending
from chassis.audit.passes import Auditor
from chassis.events import Event, iso, now
from chassis.inbox import Consumers, Entry
from chassis.testing.crossing import crossing
from chassis.testing.service import served as address_of

ALL_GOOD = "0 differing, 0 missing, 0 extra, 0 repaired"


@pytest.fixture
def served(shop, monkeypatch):
    """The shop asks itself, over HTTP, as it would ask the owner of its copies."""
    handled_by(shop, monkeypatch, see)
    with address_of(shop) as address:
        shop.app.extensions["settings"].shop_url = address
        yield shop


@pytest.fixture
def stocked(served):
    """Ten boxes, and a copy of each."""
    for number in range(1, 11):
        make(served, f"box {number}")
    deliver(served)
    return served


def handled_by(shop, monkeypatch, handler):
    monkeypatch.setitem(shop.app.extensions["consumers"]._entries, MADE, Entry(handler, BoxState))


def make(shop, label):
    return shop.as_("ann", PACK).post("/api/v1/boxes/", json={"label": label}).json["id"]


def deliver(shop, but=()):
    """The events reach their consumer, and then a watermark."""
    for event in shop.outbox():
        if int(event.subject) not in but:
            shop.receive(event.type, event.subject, event.version, event.data, id=event.id)
    caught_up(shop)


def caught_up(shop, at=None):
    if at:
        shop.receive("shop.watermark.v1", "shop", 0, {"as_of": iso(at)})
    else:
        shop.heard("shop", now() + timedelta(minutes=1))


def sql(shop, statement):
    with shop.app.app_context():
        db.session.execute(sa.text(statement))
        db.session.commit()


def seen(shop):
    with shop.app.app_context():
        return {row["id"]: (row["label"], row["version"]) for row in db.rows(sa.select(Seen))}


def boxes(shop):
    return {int(box.subject): (box.data["label"], box.version) for box in shop.snapshot(MADE)}


def run(shop, *words):
    return shop.app.test_cli_runner().invoke(args=["audit", *words])


def copy_of(shop):
    return shop.app.extensions["consumers"].copies[0]


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
    "one in front of all": "INSERT INTO seen VALUES (-5, 'ghost', 1, 0)",
    "all rows missing": "DELETE FROM seen",
}


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if "front" not in name])
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


# What is not drift ------------------------------------------------------------------------------------


def look(shop, limit=100):
    return looks.first(copy_of(shop), 0, limit)


def second(shop, first, **how):
    return mending.second(first, repair=True, **how)


@contextmanager
def context(shop):
    with shop.app.app_context():
        yield


def test_an_event_on_its_way_is_not_drift(stocked):
    """Until the watermark says that it must have come."""
    caught_up(stocked, now() + timedelta(minutes=2))
    with context(stocked):
        db.session.execute(sa.text("DELETE FROM freshness"))
        db.session.commit()
    caught_up(stocked, now())
    number = make(stocked, "on its way")
    with context(stocked):
        first = look(stocked)
        assert first.wrong == [number]
        assert second(stocked, first) == {number: "waits"}
    assert number not in seen(stocked)
    deliver(stocked)
    with context(stocked):
        assert second(stocked, first) == {number: ""}


def test_an_event_that_never_comes_is_drift_once_later_ones_have(stocked):
    number = make(stocked, "lost")
    deliver(stocked, but=[number])
    with context(stocked):
        first = look(stocked)
        assert second(stocked, first) == {number: "missing"}
    assert seen(stocked) == boxes(stocked)


def test_what_waits_for_another_try_has_not_arrived(stocked):
    number = make(stocked, "poison")
    deliver(stocked)
    with context(stocked):
        first = look(stocked)
        assert second(stocked, first) == {number: "waits"}


def test_news_between_the_look_and_the_repair_is_not_undone(stocked):
    sql(stocked, "UPDATE seen SET label = 'wrong' WHERE id = 3")
    with context(stocked):
        first = look(stocked)
    page, told = looks.owners.page, {}

    def meanwhile(*given):
        """The owner answers, then the box changes, and the news of it is handled before the repair."""
        answer = page(*given)
        sql(stocked, "UPDATE boxes SET label = 'newer', version = 2 WHERE id = 3")
        told["id"] = stocked.receive(MADE, 3, 2, {"id": 3, "label": "newer"})
        return answer

    with context(stocked), pytest.MonkeyPatch.context() as patch:
        patch.setattr(looks.owners, "page", meanwhile)
        assert second(stocked, first) == {3: ""}
    assert seen(stocked)[3] == ("newer", 2)


@pytest.mark.only_real  # on SQLite the one begins when the other has ended
def test_news_that_is_being_handled_is_waited_for_and_not_undone(stocked):
    sql(stocked, "UPDATE seen SET label = 'wrong' WHERE id = 3")
    with context(stocked):
        first = look(stocked)

    def repair():
        with context(stocked):
            return second(stocked, first)

    news = {"id": 3, "label": "newer"}
    _, found = crossing(stocked, lambda: stocked.receive(MADE, 3, 2, news), repair, after="UPDATE seen")
    assert found == {3: ""}
    assert seen(stocked)[3] == ("newer", 2)


def test_a_row_that_came_after_the_owners_answer_is_not_extra(served):
    with context(served):
        first = look(served)
        assert first.wrong == []
    number = make(served, "new")
    deliver(served)
    with context(served):
        first = looks.first(copy_of(served), number, 10)
        assert first.wrong == []
    assert number in seen(served)


def test_a_row_whose_text_is_newer_than_both_looks_is_not_touched(stocked):
    with context(stocked):
        sql(stocked, "UPDATE seen SET label = 'wrong' WHERE id = 3")
        first = look(stocked)
        sql(stocked, "UPDATE boxes SET label = 'second', version = 2 WHERE id = 3")
        assert second(stocked, first) == {3: ""}, "version 2 may be on its way, version 1 is no longer known"
    assert seen(stocked)[3] == ("wrong", 1)


def test_a_row_behind_what_the_owner_could_say_is_not_extra(stocked):
    """News of a box comes before the second answer, whose page has become too full for it."""
    sql(stocked, "INSERT INTO seen VALUES (12, 'early', 1, 0)")
    with context(stocked):
        first = look(stocked, limit=11)
        assert first.wrong == [12]
        assert [make(stocked, "box 11"), make(stocked, "early")] == [11, 12]
        assert second(stocked, first) == {}
    assert seen(stocked)[12] == ("early", 1)


def test_a_step_repairs_no_longer_than_a_worker_may_be_silent(stocked):
    sql(stocked, "UPDATE seen SET label = 'wrong' WHERE id IN (3, 4)")
    with context(stocked):
        first = look(stocked)
        assert second(stocked, first, seconds=-1) == {3: "waits", 4: "waits"}
        assert second(stocked, first) == {3: "changed", 4: "changed"}


# The worker's slow pass ---------------------------------------------------------------------------------


def steps(shop, count, auditor=None):
    auditor = auditor or Auditor()
    with context(shop):
        for _ in range(count):
            auditor(shop.app)
            db.session.remove()


def passes(shop):
    with context(shop):
        return {row["name"]: row for row in db.rows(sa.select(db.audit_passes))}


def test_the_worker_goes_page_by_page_and_a_restart_goes_on(stocked):
    stocked.app.extensions["settings"].audit_page = 4
    sql(stocked, "UPDATE seen SET label = 'wrong' WHERE id = 9")
    steps(stocked, 1)
    assert (passes(stocked)["seen boxes"]["cursor"], passes(stocked)["seen boxes"]["finished_at"]) == (
        4,
        None,
    )
    steps(stocked, 1)
    assert passes(stocked)["seen boxes"]["cursor"] == 8
    steps(stocked, 2)
    assert seen(stocked) == boxes(stocked)
    assert passes(stocked)["seen boxes"]["finished_at"]
    steps(stocked, 3)
    assert passes(stocked)["alike"]["finished_at"]


def test_a_restart_between_two_looks_looks_again(stocked):
    sql(stocked, "UPDATE seen SET label = 'wrong' WHERE id = 9")
    steps(stocked, 1)
    steps(stocked, 2)
    assert seen(stocked) == boxes(stocked)


def go_on(shop, auditor):
    """As the worker does: again at once as long as there is more to do."""
    with context(shop):
        while auditor(shop.app):
            db.session.remove()


def test_what_is_wrong_is_followed_up_at_once(stocked):
    stocked.app.extensions["settings"].audit_page = 3
    sql(stocked, "UPDATE seen SET label = 'wrong' WHERE id IN (1, 2, 4, 5)")
    go_on(stocked, Auditor())
    assert seen(stocked) == boxes(stocked)


def test_a_copy_that_was_lost_waits_once_for_news_and_not_at_every_page(stocked):
    stocked.app.extensions["settings"].audit_page = 3
    sql(stocked, "DELETE FROM freshness")
    sql(stocked, "DELETE FROM seen")
    auditor = Auditor()
    go_on(stocked, auditor)
    assert seen(stocked) == {}, "what is missing may be on its way"
    caught_up(stocked, now())
    go_on(stocked, auditor)
    assert seen(stocked) == boxes(stocked)


def test_very_many_rows_that_nobody_owns_are_found_in_one_pass(stocked):
    stocked.app.extensions["settings"].audit_page = 2
    ghosts = ", ".join(f"({id}, 'ghost', 1, 0)" for id in range(100, 130))
    sql(stocked, f"INSERT INTO seen VALUES {ghosts}")
    auditor = Auditor()
    while not passes(stocked).get("seen boxes", {}).get("finished_at"):
        steps(stocked, 1, auditor)
    assert seen(stocked) == boxes(stocked)


def lost(shop, page):
    """Nothing of a copy is left, and nobody knows whether it is on its way."""
    shop.app.extensions["settings"].audit_page = page
    sql(shop, "DELETE FROM freshness")
    sql(shop, "DELETE FROM seen")


def test_pages_that_wait_for_news_are_not_ever_more(stocked, monkeypatch):
    monkeypatch.setattr("chassis.audit.passes.AHEAD", 3)
    lost(stocked, page=1)
    auditor = Auditor()
    steps(stocked, 8, auditor)
    assert len(auditor._open) == 3


def test_news_that_never_come_keep_a_pass_waiting_for_a_while_only(stocked, monkeypatch):
    monkeypatch.setattr("chassis.audit.passes.PATIENCE", -1)
    lost(stocked, page=100)
    steps(stocked, 2)
    assert passes(stocked)["seen boxes"]["finished_at"]


def test_an_owner_that_goes_away_between_two_looks_keeps_only_its_own_copies_waiting(stocked):
    auditor, settings = Auditor(), stocked.app.extensions["settings"]
    sql(stocked, "UPDATE seen SET label = 'wrong' WHERE id = 3")
    steps(stocked, 1, auditor)
    settings.shop_url = "http://127.0.0.1:9"
    stocked.app.extensions["owners"].clear()
    steps(stocked, 2, auditor)
    assert passes(stocked)["alike"]["finished_at"]


def test_counting_again_takes_no_longer_than_a_worker_may_be_silent(stocked, monkeypatch):
    sql(stocked, "UPDATE seen SET alike = 40")
    monkeypatch.setattr("chassis.audit.passes.STEP", 0.05)
    recount = mending.recount
    monkeypatch.setattr(mending, "recount", lambda *given, **how: time.sleep(0.03) or recount(*given, **how))
    auditor = Auditor()
    steps(stocked, 2, auditor)
    with context(stocked):
        assert 0 < db.value(sa.select(sa.func.count()).where(Seen.alike == 40)) < 10
    assert passes(stocked).get("alike") is None, "it comes back to this page"
    go_on(stocked, auditor)
    with context(stocked):
        assert db.value(sa.select(sa.func.sum(Seen.alike))) == 0


def test_the_worker_waits_for_an_owner_that_is_away_and_does_the_rest(stocked, monkeypatch):
    auditor, settings = Auditor(), stocked.app.extensions["settings"]
    address, settings.shop_url = settings.shop_url, "http://127.0.0.1:9"
    steps(stocked, 2, auditor)
    assert list(passes(stocked)) == ["alike"], "what is our own needs nobody"
    monkeypatch.setattr("chassis.audit.passes.REST", 0)
    auditor._resting["seen boxes"] = 0
    steps(stocked, 1, auditor)
    assert list(passes(stocked)) == ["alike"]
    settings.shop_url = address
    stocked.app.extensions["owners"].clear()
    steps(stocked, 1, auditor)
    assert passes(stocked)["seen boxes"]["finished_at"]


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


def metric(shop, name):
    lines = shop.anonymous().get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


# The owner's side -----------------------------------------------------------------------------------------


def test_snapshots_are_for_insiders(shop):
    path = f"/internal/snapshots/{MADE}"
    assert shop.anonymous().get(path).status_code == 401
    assert shop.as_("ann").get(path).status_code == 401
    assert shop.internal().get("/internal/snapshots/no.such").status_code == 404
    assert shop.internal().get(f"{path}?after=x").status_code == 400
    assert shop.internal().get(f"{path}?limit=501").status_code == 400


def test_a_page_says_where_the_next_begins(served):
    for number in range(5):
        make(served, f"box {number}")
    path = f"/internal/snapshots/{MADE}?limit=2"
    first = served.internal().get(path).json
    last = served.internal().get(f"{path}&after=4").json
    assert ([state["subject"] for state in first["states"]], first["next"]) == (["1", "2"], "2")
    assert ([state["subject"] for state in last["states"]], last["next"]) == (["5"], None)
    assert Event.of(first["states"][0]).data == {"id": 1, "label": "box 0"}


def test_a_page_is_as_of_a_moment_before_it_was_read(served):
    """What is committed while it is read may not be in it, and must not be taken for missing."""
    read = []
    served.app.extensions["snapshots"][MADE] = lambda *_: read.append(now()) or []
    told = served.internal().get(f"/internal/snapshots/{MADE}").json
    assert told["as_of"] <= iso(read[0])


def test_a_copy_is_declared_beside_its_handlers():
    consumers = Consumers()
    consumers.keeps("one", "two")
    assert consumers.copies == ["one", "two"]


def test_what_is_known_of_a_source_never_goes_back(shop):
    caught_up(shop, later := now())
    caught_up(shop, later - timedelta(minutes=1))
    with context(shop):
        assert freshness.known() == {"shop": later}
