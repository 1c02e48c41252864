"""The worker's slow pass over its copies: page by page, and who is away holds up only its own."""

import time

import sqlalchemy as sa
from auditing import boxes, caught_up, context, passes, seen, sql
from shop.app import Seen, db

from chassis.audit import mending
from chassis.audit.passes import Auditor
from chassis.events import now


def steps(shop, count, auditor=None):
    auditor = auditor or Auditor()
    with context(shop):
        for _ in range(count):
            auditor(shop.app)
            db.session.remove()


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
