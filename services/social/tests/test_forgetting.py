"""What becomes of people's words that nobody could handle, when they go."""

import pytest

from .states import a_person, a_removed_person, post_data

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
