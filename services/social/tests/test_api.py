"""Follows over HTTP."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from .states import (
    DAVID,
    JOHN,
    SUSAN,
    USER,
    a_person,
    a_removed_person,
    as_,
    follow,
    the_golden_example,
)


def path(id, what="follow"):
    return f"/api/v1/users/{id}/{what}"


def names(collection):
    [key] = collection.keys() & {"followers", "following"}
    return [tie["user"]["username"] for tie in collection[key]]


@pytest.fixture
def people(social):
    for id, name in ((JOHN, "john"), (SUSAN, "susan"), (DAVID, "david")):
        a_person(social, id, name)


@pytest.mark.usefixtures("people")
class TestFollow:
    def test_following_answers_with_the_relationship_and_tells_the_others(self, social):
        answer = follow(social, JOHN, SUSAN)
        [event] = social.outbox()
        assert answer.status_code == 201
        assert answer.json == {
            "user_id": SUSAN,
            "following": True,
            "followed_by": False,
            "since": answer.json["since"],
            "follower_count": 1,
            "following_count": 0,
        }
        assert (event.type, event.subject, event.version) == ("social.user_followed.v1", "1:2", 1)
        assert event.data == {"follower_id": JOHN, "followed_id": SUSAN, "since": answer.json["since"]}
        assert answer.headers["Event-Ids"] == f"{event.type}:{event.id}"

    def test_following_again_changes_nothing(self, social):
        first = follow(social, JOHN, SUSAN)
        social.outbox()
        again = follow(social, JOHN, SUSAN)
        assert (again.status_code, again.json) == (200, first.json)
        assert social.outbox() == []
        assert "Event-Ids" not in again.headers

    def test_unfollowing_ends_it_and_tells_the_others(self, social):
        since = follow(social, JOHN, SUSAN).json["since"]
        social.outbox()
        answer = as_(social, JOHN).delete(path(SUSAN))
        [event] = social.outbox()
        assert (answer.status_code, answer.data) == (204, b"")
        assert (event.type, event.subject, event.version) == ("social.user_unfollowed.v1", "1:2", 2)
        assert event.data["since"] == since
        assert as_(social, JOHN).get(path(SUSAN, "relationship")).json["follower_count"] == 0

    def test_unfollowing_whom_one_does_not_follow_changes_nothing(self, social):
        assert as_(social, JOHN).delete(path(SUSAN)).status_code == 204
        follow(social, JOHN, SUSAN)
        as_(social, JOHN).delete(path(SUSAN))
        social.outbox()
        assert as_(social, JOHN).delete(path(SUSAN)).status_code == 204
        assert social.outbox() == []

    def test_following_anew_is_new_and_has_a_higher_version(self, social):
        before = follow(social, JOHN, SUSAN).json["since"]
        as_(social, JOHN).delete(path(SUSAN))
        answer = follow(social, JOHN, SUSAN)
        assert (answer.status_code, answer.json["follower_count"]) == (201, 1)
        assert answer.json["since"] > before
        assert [event.version for event in social.outbox()] == [1, 2, 3]

    @pytest.mark.parametrize(
        ("method", "said"),
        [
            ("PUT", "You cannot follow yourself"),
            ("DELETE", "You do not follow yourself, so there is nothing to stop"),
        ],
    )
    def test_oneself_is_refused_with_a_sentence(self, social, method, said):
        answer = as_(social, JOHN).open(path(JOHN), method=method)
        assert answer.status_code == 409
        assert answer.json["message"] == f"{said}: your own posts are in your timeline anyway."

    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    def test_nobody_and_removed_people_are_not_there(self, social, method):
        a_removed_person(social, SUSAN)
        for id in (SUSAN, 99, 2**63 - 1, 2**63):
            assert as_(social, JOHN).open(path(id), method=method).status_code == 404
        assert social.outbox() == []

    def test_a_removed_caller_is_nobody(self, social):
        a_removed_person(social, JOHN)
        assert follow(social, JOHN, SUSAN).status_code == 401

    def test_a_caller_of_whom_nothing_was_heard_may_follow(self, social):
        answer = social.as_("zoe", USER, id=26).put(path(SUSAN))
        [tie] = as_(social, JOHN).get(path(SUSAN, "followers/")).json["followers"]
        assert answer.status_code == 201
        assert social.as_("yan", USER, id=25).delete(path(SUSAN)).status_code == 204
        assert tie["user"] == {
            "id": 26,
            "username": "zoe",
            "avatar_url": f"http://localhost:8000/avatar/{26:032x}.svg",
            "url": "http://localhost:8000/api/v1/users/26",
        }

    def test_who_may_follow(self, social):
        assert social.anonymous().put(path(SUSAN)).status_code == 401
        assert social.as_("john", USER, confirmed=False).put(path(SUSAN)).status_code == 403
        assert social.as_("john", USER - 1).put(path(SUSAN)).json["message"] == "Insufficient permissions"
        assert social.as_("john", USER - 1).delete(path(SUSAN)).status_code == 403
        assert social.as_("john", 1, id=JOHN).put(path(SUSAN)).status_code == 201


class TestLists:
    def test_followers_are_listed_longest_first(self, social):
        the_golden_example(social)
        answer = as_(social, JOHN).get(path(DAVID, "followers/")).json
        since = [tie["since"] for tie in answer["followers"]]
        assert (names(answer), answer["count"]) == (["john", "susan"], 2)
        assert since == sorted(since)
        assert answer["followers"][0]["user"] == {
            "id": JOHN,
            "username": "john",
            "avatar_url": f"http://localhost:8000/avatar/{JOHN:032x}.svg",
            "url": "http://localhost:8000/api/v1/users/1",
        }

    def test_those_who_are_followed_are_listed_longest_first(self, social):
        the_golden_example(social)
        answer = as_(social, JOHN).get(path(SUSAN, "following/")).json
        assert (names(answer), answer["count"]) == (["john", "david"], 2)
        assert names(as_(social, JOHN).get(path(DAVID, "following/")).json) == []

    def test_names_in_lists_are_the_present_ones(self, social):
        the_golden_example(social)
        a_person(social, SUSAN, "sue", version=2)
        assert names(as_(social, JOHN).get(path(DAVID, "followers/")).json) == ["john", "sue"]

    @pytest.mark.parametrize("what", ["followers", "following"])
    def test_pages_link_to_each_other(self, social, what):
        a_person(social, JOHN)
        for id in range(100, 155):
            a_person(social, id)
            pair = (id, JOHN) if what == "followers" else (JOHN, id)
            follow(social, *pair)
        first, second, third = (
            as_(social, JOHN).get(f"{path(JOHN, what)}/?page={page}").json for page in (1, 2, 3)
        )
        found = [tie["user"]["id"] for tie in first[what] + second[what] + third[what]]
        here = f"http://localhost:8000/api/v1/users/1/{what}/"
        assert found == list(range(100, 155))
        assert (len(first[what]), first["count"], first["prev"], first["next"]) == (
            50,
            55,
            None,
            f"{here}?page=2",
        )
        assert (second["prev_url"], second["next_url"]) == (f"{here}?page=1", None)
        assert (third[what], third["count"]) == ([], 55)

    def test_removed_people_are_in_no_list(self, social):
        the_golden_example(social)
        a_removed_person(social, SUSAN)
        followers = as_(social, JOHN).get(path(DAVID, "followers/")).json
        assert (names(followers), followers["count"]) == (["john"], 1)
        following = as_(social, JOHN).get(path(JOHN, "followers/")).json
        assert (names(following), following["count"]) == ([], 0)

    @pytest.mark.parametrize("what", ["followers/", "following/", "relationship"])
    def test_nobodys_lists_are_not_there_but_the_readers_own_are(self, social, what):
        a_removed_person(social, DAVID)
        for nobody in (99, DAVID):
            assert as_(social, JOHN).get(path(nobody, what)).status_code == 404
        assert as_(social, JOHN).get(path(JOHN, what)).status_code == 200

    @pytest.mark.parametrize("what", ["followers", "following", "timeline"])
    def test_a_collection_without_its_slash_is_redirected(self, social, what):
        answer = as_(social, JOHN).get(f"{path(JOHN, what)}?page=2")
        here = f"http://localhost:8000/api/v1/users/1/{what}/?page=2"
        assert (answer.status_code, answer.headers["Location"]) == (308, here)

    @pytest.mark.parametrize("what", ["followers/", "following/"])
    def test_a_list_costs_two_statements(self, social, what):
        the_golden_example(social)
        as_(social, JOHN).get(path(DAVID, what))
        assert social.statements(lambda: as_(social, JOHN).get(path(DAVID, what))) == 2


class TestRelationship:
    def test_it_has_two_sides(self, social):
        the_golden_example(social)
        mine = as_(social, JOHN).get(path(SUSAN, "relationship")).json
        theirs = as_(social, SUSAN).get(path(JOHN, "relationship")).json
        assert (mine["following"], mine["followed_by"], mine["since"]) == (False, True, None)
        assert (theirs["following"], theirs["followed_by"]) == (True, False)
        assert theirs["since"].endswith("Z")
        assert (mine["user_id"], mine["follower_count"], mine["following_count"]) == (SUSAN, 0, 2)

    def test_both_may_follow_each_other(self, social):
        the_golden_example(social)
        follow(social, JOHN, SUSAN)
        found = as_(social, JOHN).get(path(SUSAN, "relationship")).json
        assert (found["following"], found["followed_by"]) == (True, True)

    def test_with_oneself_there_is_none(self, social):
        the_golden_example(social)
        found = as_(social, JOHN).get(path(JOHN, "relationship")).json
        assert (found["following"], found["followed_by"], found["follower_count"]) == (False, False, 1)

    def test_an_ended_follow_is_none(self, social):
        the_golden_example(social)
        as_(social, SUSAN).delete(path(JOHN))
        mine = as_(social, SUSAN).get(path(JOHN, "relationship")).json
        theirs = as_(social, JOHN).get(path(SUSAN, "relationship")).json
        assert (mine["following"], mine["since"], theirs["followed_by"]) == (False, None, False)

    def test_of_somebody_new_is_empty(self, social):
        assert as_(social, 77).get(path(77, "relationship")).json == {
            "user_id": 77,
            "following": False,
            "followed_by": False,
            "since": None,
            "follower_count": 0,
            "following_count": 0,
        }

    def test_it_costs_one_statement(self, social):
        the_golden_example(social)
        as_(social, JOHN).get(path(SUSAN, "relationship"))
        assert social.statements(lambda: as_(social, JOHN).get(path(SUSAN, "relationship"))) == 1


@pytest.mark.usefixtures("people")
def test_whoever_follows_waits_for_no_news_of_their_posts_and_whoever_reads_does(social):
    """What one has written may be on its way for a while: the timeline waits for it, a follow need not."""
    never = {"Await-Events": "posts.post_published.v1:never"}

    def seconds(method, what):
        began = time.monotonic()
        assert as_(social, JOHN).open(path(SUSAN, what), method=method, headers=never).status_code < 300
        return time.monotonic() - began

    limit = social.app.extensions["settings"].await_events_limit
    assert min(seconds("PUT", "follow") for _ in range(3)) < limit <= seconds("GET", "timeline/")


def test_the_api_document_tells_of_both_good_answers_of_a_follow(social):
    from chassis.cli import contract

    answers = contract(social.app)["openapi.json"]["paths"]["/api/v1/users/{id}/follow"]["put"]["responses"]
    assert answers["201"]["content"] == answers["200"]["content"]


@pytest.mark.usefixtures("people")
def test_pages_read_for_strangers_by_the_internal_credential(social):
    follow(social, SUSAN, JOHN)
    stranger = social.internal()
    told = stranger.get(path(JOHN, "relationship")).json
    assert (told["following"], told["followed_by"], told["follower_count"]) == (False, False, 1)
    assert stranger.get(path(JOHN, "followers/")).json["count"] == 1
    assert stranger.get(path(SUSAN, "following/")).json["count"] == 1
    assert stranger.get(path(JOHN, "timeline/")).status_code == 401
    assert stranger.put(path(JOHN)).status_code == 401


def test_answers_say_how_old_what_they_are_made_of_may_be(social):
    """The oldest of what the answer shows: names come from auth, posts from posts."""
    the_golden_example(social)
    assert "X-Freshness" not in as_(social, JOHN).get(f"/api/v1/users/{JOHN}/timeline/").headers
    for source, minutes in (("auth", 1), ("posts", 10)):
        at = (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()
        social.receive(f"{source}.watermark.v1", source, 0, {"as_of": at})
    social.app.extensions["ages"]._read_at = float("-inf")
    ages = {
        what: int(as_(social, JOHN).get(f"/api/v1/users/{JOHN}/{what}").headers["X-Freshness"])
        for what in ("timeline/", "followers/", "relationship")
    }
    assert [age // 60 for age in ages.values()] == [10, 1, 1]
