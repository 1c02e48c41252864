"""What is not drift: an audit undoes nothing newer, and takes nothing late for missing."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from auditing import boxes, caught_up, context, copy_of, deliver, look, second, seen, sql
from shop.app import MADE, db
from shop.shelf import make

from chassis import freshness
from chassis.audit import looks
from chassis.events import now
from chassis.testing.crossing import crossing


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


def test_what_is_known_of_a_source_never_goes_back(shop):
    caught_up(shop, later := now())
    caught_up(shop, later - timedelta(minutes=1))
    with context(shop):
        assert freshness.known() == {"shop": later}
