"""Two at once, each in the middle of the other. (On SQLite the one begins when the other has ended.)"""

import pytest
import sqlalchemy as sa

from chassis.testing.crossing import crossing
from social.models import Follow, Person, db

from .states import DAVID, JOHN, SUSAN, a_person, a_post, a_removed_person, follow, the_golden_example

pytestmark = pytest.mark.only_real


@pytest.fixture
def social(social):
    the_golden_example(social)
    return social


def people(social):
    with social.app.app_context():
        return {row["id"]: dict(row) for row in db.rows(sa.select(Person.__table__))}


def active(social):
    with social.app.app_context():
        ties = db.rows(sa.select(Follow.follower_id, Follow.followed_id).where(Follow.active))
        return {(row["follower_id"], row["followed_id"]) for row in ties}


def audited(social):
    return social.app.test_cli_runner().invoke(args=["audit"])


def test_an_audit_counts_again_when_a_follow_has_ended_its_transaction(social):
    with social.app.app_context():
        db.session.execute(sa.update(Person).where(Person.id == SUSAN).values(follower_count=40))
        db.session.commit()
    new, done = crossing(
        social, lambda: follow(social, JOHN, SUSAN), lambda: audited(social), after="UPDATE people"
    )
    assert (new.status_code < 300, "rows are not as" in done.output) == (True, False), done.output
    assert people(social)[SUSAN]["follower_count"] == 1


def test_two_who_follow_each_other_do_not_block(social):
    answers = crossing(
        social, lambda: follow(social, DAVID, SUSAN), lambda: follow(social, SUSAN, DAVID), after="FOR UPDATE"
    )
    assert [answer.status_code < 300 for answer in answers] == [True, True]
    counts = [people(social)[DAVID][name] for name in ("follower_count", "following_count")]
    assert counts == [2, 1]


def test_a_follow_of_somebody_who_is_just_going_is_no_follow(social):
    _, answer = crossing(
        social,
        lambda: a_removed_person(social, DAVID),
        lambda: follow(social, SUSAN, DAVID),
        after="UPDATE people",
    )
    social.job("forget people")
    assert answer.status_code == 404
    assert active(social) == {(SUSAN, JOHN)}
    assert [people(social)[id]["following_count"] for id in (JOHN, SUSAN)] == [0, 1]


def test_a_follow_that_is_just_being_made_ends_with_the_account(social):
    answer, _ = crossing(
        social,
        lambda: follow(social, DAVID, JOHN),
        lambda: a_removed_person(social, JOHN),
        after="INSERT INTO follows",
    )
    social.job("forget people")
    assert answer.status_code < 300
    assert active(social) == {(SUSAN, DAVID)}
    counts = {id: (row["follower_count"], row["following_count"]) for id, row in people(social).items()}
    assert counts == {JOHN: (0, 0), SUSAN: (0, 1), DAVID: (1, 0)}


def test_the_latest_post_is_that_of_both_that_come_at_once(social):
    crossing(
        social,
        lambda: a_post(social, 8, JOHN, count=3),
        lambda: a_post(social, 9, JOHN, count=4),
        after="INSERT INTO cards",
    )
    john = people(social)[JOHN]
    assert (john["latest_id"], john["post_count"]) == (9, 4)


def test_news_of_somebody_new_that_comes_twice_at_once_is_kept_once(social):
    crossing(
        social,
        lambda: a_person(social, 7, "later", version=3),
        lambda: a_person(social, 7, "early", version=2),
        after="INSERT INTO people",
    )
    assert (people(social)[7]["username"], people(social)[7]["version"]) == ("later", 3)
    assert social.parked() == []
