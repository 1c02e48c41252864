"""Tokens that were taken back before their time."""

import time

import pytest

from chassis.problems import Unavailable
from chassis.testing.polling import eventually
from chassis.withdrawn import LONGEST_TOKEN_LIFE, Withdrawn

NOW = 1_800_000_000.0


def told(changes=(), revoked=(), now=NOW):
    return {
        "now": now,
        "changes": [{"sub": str(sub), "ver": ver, "at": at} for sub, ver, at in changes],
        "revoked": [{"sid": sid, "at": at} for sid, at in revoked],
    }


def knowing(*answers, grace=0.0):
    left = list(answers)
    known = Withdrawn(lambda since: left.pop(0), grace)
    for _ in answers:
        known.read()
    return known


def test_nothing_is_withdrawn_that_nobody_told():
    assert Withdrawn().holds(1, 1, "s")
    Withdrawn().read()


def test_an_ended_session_speaks_for_nobody():
    known = knowing(told(revoked=[("ended", NOW)]))
    assert not known.holds(1, 9, "ended")
    assert known.holds(1, 9, "another")


@pytest.mark.parametrize(("version", "good"), [(1, False), (2, True), (3, True)])
def test_a_token_is_as_good_as_its_rights(version, good):
    known = knowing(told(changes=[(1, 2, NOW)]))
    assert known.holds(1, version, "s") is good
    assert known.holds(2, version, "s")


def test_what_comes_late_does_not_count():
    known = knowing(told(changes=[(1, 3, NOW)]), told(changes=[(1, 2, NOW)]))
    assert not known.holds(1, 2, "s")


def test_who_hands_tokens_on_has_a_moment_to_get_a_new_one():
    known = knowing(told(changes=[(1, 2, NOW - 0.1)]), grace=0.4)
    assert known.holds(1, 1, "s")
    eventually(lambda: not known.holds(1, 1, "s"), within=2)


def test_a_change_from_long_ago_counts_at_once():
    assert not knowing(told(changes=[(1, 2, NOW - 60)]), grace=5).holds(1, 1, "s")


def test_it_asks_for_what_came_since_the_last_time():
    asked = []
    known = Withdrawn(lambda since: asked.append(since) or told())
    known.read()
    known.read()
    assert asked[0] == pytest.approx(time.time() - LONGEST_TOKEN_LIFE, abs=5)
    assert asked[1] == NOW


class Paged:
    """An issuer that tells of one ended session a page; `fails` at some of its pages."""

    def __init__(self, *sids, fails=()):
        self.sids, self.fails, self.asked = sids, list(fails), []

    def __call__(self, since, after=""):
        self.asked.append((since, after))
        number = int(after or 0)
        if number in self.fails:
            self.fails.remove(number)
            raise Unavailable
        answer = told(revoked=[(self.sids[number], NOW)], now=NOW + number)
        return answer | ({"next": str(number + 1)} if number + 1 < len(self.sids) else {})


def test_all_pages_are_read_at_once_and_the_next_time_from_the_first_ones_time_on():
    issuer = Paged("a", "b", "c")
    known = Withdrawn(issuer)
    known.read()
    known.read()
    assert [known.ended(sid) for sid in "abcd"] == [True, True, True, False]
    assert [after for _, after in issuer.asked[:3]] == ["", "1", "2"]
    assert issuer.asked[3] == (NOW, "")


def test_a_page_that_fails_loses_nothing():
    """What came before it counts already, and the rest comes with the next time."""
    issuer = Paged("a", "b", "c", fails=[2])
    known = Withdrawn(issuer)
    known.look()
    assert [known.ended(sid) for sid in "abc"] == [True, True, False]
    known.look()
    assert known.ended("c")
    assert issuer.asked[3] == issuer.asked[0]


def test_a_list_that_does_not_go_on_is_nonsense():
    """Or who reads it would never do anything else again."""
    known = Withdrawn(lambda since, after="": told(revoked=[("ended", NOW)]) | {"next": "1"})
    with pytest.raises(ValueError, match="go on"):
        known.read()
    assert known.ended("ended")


def test_what_no_token_is_old_enough_for_is_forgotten():
    later = told(now=NOW + LONGEST_TOKEN_LIFE + 100)
    known = knowing(told(changes=[(1, 2, NOW)], revoked=[("ended", NOW)]), later)
    assert known.holds(1, 1, "ended")


@pytest.mark.parametrize(
    "nonsense", [{}, {"now": "x", "changes": [], "revoked": []}, told() | {"changes": [{}]}]
)
def test_nonsense_changes_nothing(nonsense):
    answers = [told(revoked=[("ended", NOW)]), nonsense]
    known = Withdrawn(lambda since: answers.pop(0))
    known.look()
    known.look()
    assert not known.holds(1, 1, "ended")
