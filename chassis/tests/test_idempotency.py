"""The same request again, at once, with another body, after a death in the middle."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from shop.app import MADE, PACK

from chassis import idempotency

KEY = {"Idempotency-Key": "0b1f6f52-8b0e-4c7c-9d0e-0d7e3d5b7b0a"}


def make(shop, label="one", who="ann", headers=KEY):
    return shop.as_(who, PACK).post("/api/v1/boxes/", json={"label": label}, headers=headers)


def count(shop):
    return shop.internal().get("/internal/count").json["count"]


def alter(shop, statement):
    with shop.app.app_context(), shop.app.extensions["sqlalchemy"].engine.begin() as connection:
        connection.execute(sa.text(statement))


def test_the_same_key_gives_the_first_answer_and_does_nothing_twice(shop):
    first, again = make(shop), make(shop)
    assert (first.status_code, first.data, first.headers["Location"]) == (
        201,
        again.data,
        again.headers["Location"],
    )
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert (count(shop), len(shop.outbox())) == (1, 1)
    assert "Idempotency-Replayed" not in first.headers


def test_what_is_answered_again_names_the_events_of_the_first_time(shop):
    """Who asks again reads next what was written, as the first answer would have let them."""
    first, again = make(shop), make(shop)
    [event] = shop.outbox()
    assert first.headers["Event-Ids"] == again.headers["Event-Ids"] == f"{MADE}:{event.id}"
    assert "Event-Ids" not in make(shop, label="two").headers


def test_answers_that_the_release_before_has_kept_name_no_events(shop):
    first = make(shop)
    alter(shop, "UPDATE idempotency_keys SET events = NULL")
    again = make(shop)
    assert (again.status_code, again.data) == (201, first.data)
    assert "Event-Ids" not in again.headers


def test_without_a_key_or_with_another_it_is_done_again(shop):
    make(shop), make(shop, headers={}), make(shop, headers={"Idempotency-Key": "another"})
    assert count(shop) == 3


def test_keys_belong_to_their_caller(shop):
    mine, theirs = make(shop), make(shop, who="ben")
    assert mine.json["id"] != theirs.json["id"]
    assert (make(shop).data, make(shop, who="ben").data) == (mine.data, theirs.data)


def test_a_key_of_another_request_is_refused(shop):
    make(shop)
    refused = make(shop, label="two")
    assert (refused.status_code, "another request" in refused.json["message"]) == (422, True)
    assert count(shop) == 1


@pytest.mark.parametrize("key", ["", "ä", "a b", "x" * 129])
def test_a_malformed_key_says_what_to_do(shop, key):
    answer = make(shop, headers={"Idempotency-Key": key})
    assert (answer.status_code, "Idempotency-Key must be" in answer.json["message"]) == (400, True)


def test_a_refused_request_does_not_use_its_key_up(shop):
    assert make(shop, label=7).status_code == 400
    assert make(shop, label="fine").status_code == 201


def test_of_many_at_once_one_is_done_and_all_get_its_answer(shop):
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: make(shop), range(12)))
    assert {answer.status_code for answer in answers} <= {201, 503}
    assert len({answer.json["id"] for answer in answers if answer.status_code == 201}) == 1
    assert (count(shop), len(shop.outbox())) == (1, 1)


def lose_the_answer(shop, monkeypatch):
    def die(_):
        raise SystemError("killed between commit and answer")

    monkeypatch.setattr(idempotency, "keep", die)
    assert make(shop).status_code == 500
    monkeypatch.undo()


def test_an_answer_lost_in_the_middle_is_made_again(shop, monkeypatch):
    lose_the_answer(shop, monkeypatch)
    again = make(shop)
    assert (again.status_code, again.json, again.headers["Location"]) == (
        201,
        {"id": 1, "label": "one"},
        "/api/v1/boxes/1",
    )
    [event] = shop.outbox()
    assert (count(shop), again.headers["Event-Ids"]) == (1, f"{MADE}:{event.id}")


def test_a_kept_answer_for_what_has_gone_meanwhile_says_so_and_shows_nothing_of_it(shop):
    """Who removes something removes it for whoever made it, too: their repeat had shown it for a day."""
    make(shop, label="a secret")
    alter(shop, "DELETE FROM boxes")
    gone = make(shop, label="a secret")
    assert (gone.status_code, "removed since" in gone.json["message"]) == (410, True)
    assert "secret" not in gone.text
    assert (count(shop), len(shop.outbox())) == (0, 1)


def test_a_kept_answer_that_may_be_given_no_more_is_made_again(shop):
    first = make(shop, label="a secret")
    alter(shop, "UPDATE boxes SET label = 'off: nothing'")
    again = make(shop, label="a secret")
    assert (again.status_code, again.json) == (201, {"id": 1, "label": "off: nothing"})
    assert again.headers["Location"] == first.headers["Location"]
    assert (again.headers["Idempotency-Replayed"], again.headers["Event-Ids"]) == (
        "true",
        first.headers["Event-Ids"],
    )


def test_a_lost_answer_for_what_has_gone_meanwhile_says_so(shop, monkeypatch):
    """It was done: "there is nothing" would have the caller do it a second time."""
    lose_the_answer(shop, monkeypatch)
    alter(shop, "DELETE FROM boxes")
    gone, other = make(shop), make(shop, label="two")
    assert (gone.status_code, "removed since" in gone.json["message"]) == (410, True)
    assert other.status_code == 422
    assert (count(shop), len(shop.outbox())) == (0, 1)


def test_a_failure_before_the_commit_leaves_no_key(shop, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("before the commit")

    monkeypatch.setattr("shop.app.outbox.add", broken)
    assert make(shop).status_code == 500
    monkeypatch.undo()
    assert make(shop).status_code == 201
    assert count(shop) == 1
