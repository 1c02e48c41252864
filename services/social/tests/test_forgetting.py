"""What becomes of people's words that nobody could handle, when they go."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from chassis.testing.crossing import crossing, waits_for_a_lock
from chassis.testing.polling import eventually
from social import commands
from social.commands.leaving import ROWS
from social.models import Card, Follow, Person, db

from .states import JOHN, MORNING, a_person, a_removed_person, as_, post_data, tables

EVE = 5
WORDS = "very private words"


def told(social, about=EVE, dead="", **known):
    """posts tells of one of their posts, once or given up by the bus."""
    post = post_data(1, about, body=WORDS) | known
    social.receive("posts.post_published.v1", 1, 1, post, about=about, dead=dead)


def forget(social):
    """The worker, once; what it says."""
    social.job("forget people")
    return [event.type for event in social.outbox()]


def words(social):
    return [row["about"] for row in social.parked() if WORDS.encode() in bytes(row["body"])]


@pytest.mark.parametrize(
    "given", [{"body": WORDS + "x" * 1024 * 1024}, {"dead": "given up"}, {"comment_count": "many"}]
)
def test_what_was_parked_goes_before_it_is_said_that_nothing_is_left(social, given):
    a_person(social, EVE)
    told(social, **given)
    social.try_again()
    a_removed_person(social, EVE)
    assert forget(social) == ["social.user_forgotten.v1"]
    assert social.parked() == []


@pytest.mark.parametrize(
    "given", [{"body": WORDS + "x" * 1024 * 1024}, {"dead": "given up"}, {"comment_count": "many"}]
)
def test_what_comes_late_and_fails_goes_too(social, given):
    a_removed_person(social, EVE)
    forget(social)
    told(social, **given)
    told(social, about=6, comment_count="many")
    social.try_again()
    assert forget(social) == []
    assert [row["about"] for row in social.parked()] == words(social) == [6]


def test_of_a_post_that_comes_after_its_author_has_gone_nothing_is_kept(social):
    """posts may have said it before, and will say that it is gone."""
    a_removed_person(social, EVE)
    told(social)
    [card] = tables(social)["cards"]
    assert WORDS not in repr(card)
    assert as_(social, JOHN).get(f"/api/v1/users/{EVE}/timeline/").status_code == 404


def test_what_still_has_a_try_is_waited_for(social):
    a_person(social, EVE)
    told(social, comment_count="many")
    a_removed_person(social, EVE)
    assert (forget(social), words(social)) == ([], [EVE])
    social.try_again()
    assert (forget(social), social.parked()) == (["social.user_forgotten.v1"], [])


@pytest.mark.only_real  # SQLite has one writer at a time
def test_of_a_post_that_comes_while_its_author_goes_nothing_is_kept(social):
    a_person(social, EVE)
    with social.app.app_context(), ThreadPoolExecutor(1) as pool:
        commands.forget_person(EVE, 9)
        late = pool.submit(told, social)
        eventually(lambda: waits_for_a_lock(social))
        db.session.commit()
        late.result()
    [card] = tables(social)["cards"]
    assert WORDS not in repr(card)


def test_asked_again_it_says_so_again(social):
    """auth may have lost that it was said, with its queue or by an older backup."""
    for _ in range(2):
        a_removed_person(social, EVE)
        assert forget(social) == ["social.user_forgotten.v1"]
        assert forget(social) == []


@pytest.mark.parametrize("left", ["follows", "cards"])
def test_it_is_said_only_when_nothing_is_left(social, left):
    """More than fits into the transaction of the event that asks for it."""
    many = range(1000, 1000 + ROWS + 1)
    a_person(social, EVE)
    with social.app.app_context():
        if left == "follows":
            rows = {"since": MORNING, "active": True, "version": 1, "followed_id": EVE}
            db.session.execute(sa.insert(Person), [{"id": id, "following_count": 1} for id in many])
            db.session.execute(sa.insert(Follow), [rows | {"follower_id": id} for id in many])
        else:
            rows = {"author_id": EVE, "body": WORDS, "body_html": WORDS, "published_at": MORNING}
            db.session.execute(sa.insert(Card), [rows | {"id": id, "version": 1} for id in many])
        db.session.commit()
    a_removed_person(social, EVE)
    assert still_there(social), "one is left to the worker"
    _, then = crossing(social, lambda: forget(social), lambda: still_there(social), after="INTO outbox")
    assert then == 0
    assert still_there(social) == 0


def still_there(social):
    """As others see it, who see only what is committed."""
    with social.app.app_context():
        follows = db.value(sa.select(sa.func.count()).where(Follow.followed_id == EVE, Follow.active))
        cards = db.value(sa.select(sa.func.count()).where(Card.author_id == EVE, Card.body.is_not(None)))
        return follows + cards
