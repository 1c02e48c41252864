"""Writes at the same time, the lock order, and the state of all follows."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chassis.testing.service import service_doors
from social.app import Settings, create_app

from .states import DAVID, JOHN, SUSAN, a_person, as_, follow, tables, the_golden_example

busy = service_doors("social", create_app, Settings, web_threads=16)


def at_once(calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def counts(social, id):
    found = as_(social, JOHN).get(f"/api/v1/users/{id}/relationship").json
    return found["follower_count"], found["following_count"]


def test_fifty_identical_follows_at_once_are_one(busy):
    a_person(busy, SUSAN)
    caller = as_(busy, JOHN)  # nothing was heard of john yet: fifty make his row, too
    answers = at_once([lambda: caller.put(f"/api/v1/users/{SUSAN}/follow").status_code] * 50)
    assert sorted(answers) == [200] * 49 + [201]
    assert [event.type for event in busy.outbox()] == ["social.user_followed.v1"]
    assert (counts(busy, SUSAN), counts(busy, JOHN)) == ((1, 0), (0, 1))
    assert len(tables(busy)["follows"]) == 1


def test_everybody_following_everybody_at_once_blocks_nobody(busy):
    people = range(1, 7)
    for id in people:
        a_person(busy, id)
    pairs = [(a, b) for a in people for b in people if a != b]
    statuses = at_once([lambda pair=pair: follow(busy, *pair).status_code for pair in pairs])
    assert set(statuses) == {201}
    assert {counts(busy, id) for id in people} == {(5, 5)}
    assert len(busy.outbox()) == len(pairs)


def test_follows_and_unfollows_at_once_leave_right_counts(busy):
    a_person(busy, JOHN)
    a_person(busy, SUSAN)
    methods = ["PUT", "DELETE"] * 10
    path = f"/api/v1/users/{SUSAN}/follow"
    at_once([lambda method=method: as_(busy, JOHN).open(path, method=method) for method in methods])
    [(_, _, _, active, version)] = tables(busy)["follows"]
    assert counts(busy, SUSAN)[0] == counts(busy, JOHN)[1] == int(active)
    assert sorted(event.version for event in busy.outbox()) == list(range(1, version + 1))


@pytest.mark.parametrize("size", [500, 2])
def test_all_follows_can_be_told_again(social, size):
    the_golden_example(social)
    as_(social, SUSAN).delete(f"/api/v1/users/{JOHN}/follow")
    told = {event.subject: (event.type, event.version, event.data) for event in social.outbox()}
    states = social.snapshot("social.user_followed.v1", size)
    now = {event.subject: (event.type, event.version, event.data) for event in states}
    assert now == told
    assert list(now) == ["1:3", "2:1", "2:3"]
    assert now["2:1"][:2] == ("social.user_unfollowed.v1", 2)


def test_an_ended_follow_keeps_its_row(social):
    the_golden_example(social)
    as_(social, JOHN).delete(f"/api/v1/users/{DAVID}/follow")
    ended = tables(social)["follows"][0]
    assert (ended[:2], ended[3:]) == ((JOHN, DAVID), (False, 2))
