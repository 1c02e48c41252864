"""Events in and out."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from chassis.cli import contract

CONTRACT = Path(__file__).parents[1] / "contract"


def count(auth):
    return auth.rows("users")[0]["post_count"]


def counted(author, number, version):
    return {"author_id": author, "author_post_count": number, "author_post_count_version": version}


@pytest.mark.parametrize("what", ["published", "edited", "removed"])
def test_the_number_of_posts_is_taken_over(auth, what):
    id = auth.person("susan")
    auth.receive(f"posts.post_{what}.v1", 7, 1, counted(id, 5, 9))
    assert auth.signed_in("susan").get(f"/api/v1/users/{id}").json["post_count"] == 5


def test_only_a_newer_number_counts(auth):
    id = auth.person("susan")
    for number, version in ((5, 9), (4, 8), (3, 9)):
        auth.receive("posts.post_published.v1", version, 1, counted(id, number, version))
    assert count(auth) == 5
    auth.receive("posts.post_removed.v1", 7, 2, counted(id, 0, 10))
    assert count(auth) == 0
    assert auth.outbox()[-1].type == "auth.user_registered.v1"


def test_unknown_people_and_repeated_events_do_no_harm(auth):
    id = auth.newcomer("susan")
    auth.receive("posts.post_published.v1", 7, 1, counted(99, 5, 1))
    event = auth.receive("posts.post_published.v1", 8, 1, counted(id, 2, 2))
    auth.receive("posts.post_published.v1", 8, 1, counted(id, 2, 2), id=event)
    assert (count(auth), auth.parked()) == (2, [])


def test_what_makes_no_sense_is_put_aside(auth):
    auth.newcomer("susan")
    auth.receive("posts.post_published.v1", 7, 1, {"author_id": 1})
    auth.receive("posts.post_painted.v1", 7, 1, counted(1, 5, 1))
    assert len(auth.parked()) == 2
    assert count(auth) == 0


def test_everybody_can_be_told_again_as_they_now_are(auth):
    for name in ("john", "susan", "david"):
        auth.person(name)
    auth.signed_in("susan").patch("/api/v1/users/me", json={"name": "Susan"})
    auth.outbox()
    told = auth.snapshot("auth.user_changed.v1", size=2)
    assert [(event.subject, event.version, event.data["name"]) for event in told] == [
        ("1", 1, None),
        ("2", 2, "Susan"),
        ("3", 1, None),
    ]
    assert auth.outbox() == []


def test_events_are_as_their_schemas_say(auth):
    auth.person("susan")
    auth.signed_in("susan").patch("/api/v1/users/me", json={"name": "Susan"})
    said = auth.outbox()
    assert {event.type for event in said} == {"auth.user_registered.v1", "auth.user_changed.v1"}
    for event in said:
        schema = json.loads((CONTRACT / "events" / f"{event.type}.json").read_text())
        jsonschema.validate(event.data, schema)


def test_the_contract_is_up_to_date(auth):
    for path, content in contract(auth.app).items():
        assert json.loads((CONTRACT / path).read_text()) == content, f"{path}: run flask openapi"


def test_answers_say_how_old_the_numbers_in_them_may_be(auth):
    id = auth.person("susan")
    at = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    auth.receive("posts.watermark.v1", "posts", 0, {"as_of": at})
    auth.app.extensions["ages"]._read_at = float("-inf")
    for path in ("", f"{id}", f"{id}/profile"):
        answer = auth.signed_in("susan").get(f"/api/v1/users/{path}")
        assert int(answer.headers["X-Freshness"]) // 60 == 10, path
