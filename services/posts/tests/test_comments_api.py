"""Comments and moderation over HTTP."""

import pytest

from chassis import idempotency

from .states import ADMINISTRATOR, MODERATOR, USER, a_comment, a_person, a_post

ALL = "/api/v1/comments/"


def test_commenting_answers_with_the_comment_and_tells_the_others(posts):
    post = a_post(posts)
    posts.outbox()
    answer = posts.as_("ben", USER).post("/api/v1/posts/1/comments/", json={"body": "Good *one*"})
    [event] = posts.outbox()
    comment = answer.json
    assert (answer.status_code, answer.headers["Location"]) == (
        201,
        "http://localhost:8000/api/v1/comments/1",
    )
    assert comment == {
        "id": 1,
        "url": "http://localhost:8000/api/v1/comments/1",
        "post_url": post["url"],
        "body": "Good *one*",
        "body_html": "Good <em>one</em>",
        "timestamp": comment["timestamp"],
        "disabled": False,
        "author_url": "http://localhost:8000/api/v1/users/2",
        "author": comment["author"],
    }
    assert (event.type, event.data["post_comment_count"], event.data["post_comment_count_version"]) == (
        "posts.comment_published.v1",
        1,
        1,
    )
    assert posts.as_("ann").get("/api/v1/posts/1").json["comment_count"] == 1


@pytest.mark.parametrize("body", [{}, {"body": ""}, {"body": "  "}])
def test_a_comment_without_a_text_is_refused(posts, body):
    a_post(posts)
    answer = posts.as_("ben", USER).post("/api/v1/posts/1/comments/", json=body)
    assert (answer.status_code, answer.json["message"]) == (400, "comment does not have a body")


def test_a_comment_may_have_8_kib(posts):
    a_post(posts)
    answer = posts.as_("ben", USER).post("/api/v1/posts/1/comments/", json={"body": "x" * 8193})
    assert answer.json["message"] == "body is too long: at most 8192 bytes are allowed"


def test_commenting_needs_comment(posts):
    a_post(posts)
    assert posts.as_("ben", 5).post("/api/v1/posts/1/comments/", json={"body": "x"}).status_code == 403


def test_of_a_post_oldest_first_of_everybody_newest_first_in_pages_of_thirty(posts):
    post = a_post(posts)
    for number in range(35):
        a_comment(posts, post, f"comment {number}")
    of_post = [posts.as_("ann").get(f"/api/v1/posts/1/comments/?page={page}").json for page in (1, 2, 3)]
    of_all = [posts.as_("ann").get(f"{ALL}?page={page}").json for page in (1, 2)]
    in_order = [f"comment {number}" for number in range(35)]
    assert [c["body"] for page in of_post for c in page["comments"]] == in_order
    assert [c["body"] for page in of_all for c in page["comments"]] == in_order[::-1]
    assert [len(page["comments"]) for page in of_post] == [30, 5, 0]
    assert {page["count"] for page in of_post + of_all} == {35}


def test_a_disabled_comment_keeps_its_place_without_its_text(posts):
    post = a_post(posts)
    a_comment(posts, post, "rude")
    posts.outbox()
    hidden = posts.as_("mod", MODERATOR).put(f"{ALL}1/disabled")
    event, judged = posts.outbox()
    assert judged.data == {"id": 1, "author_id": 2, "moderator_id": 13, "disabled": True}
    assert (hidden.status_code, hidden.json["disabled"], hidden.json["body"], hidden.json["body_html"]) == (
        200,
        True,
        None,
        None,
    )
    assert (event.type, event.version, event.data["body"]) == ("posts.comment_moderated.v1", 2, None)
    for who, bits in (("ann", USER), ("ben", USER), ("mod", MODERATOR), ("cid", ADMINISTRATOR)):
        listed = posts.as_(who, bits).get("/api/v1/posts/1/comments/").json
        assert (listed["count"], listed["comments"][0]["body"]) == (1, None)
        assert posts.as_(who, bits).get(f"{ALL}1").json["body_html"] is None
    assert posts.as_("ann").get("/api/v1/posts/1").json["comment_count"] == 1


def test_moderators_at_work_see_disabled_texts_and_others_may_not(posts):
    a_comment(posts, a_post(posts), "rude")
    posts.as_("mod", MODERATOR).put(f"{ALL}1/disabled")
    at_work = posts.as_("mod", MODERATOR).get(f"{ALL}?moderate=true").json["comments"]
    assert [(comment["disabled"], comment["body"]) for comment in at_work] == [(True, "rude")]
    assert posts.as_("mod", MODERATOR).get(ALL).json["comments"][0]["body"] is None
    assert posts.as_("ann", USER).get(f"{ALL}?moderate=true").status_code == 403


def test_moderators_at_work_stay_at_work_on_the_next_page(posts):
    post, mod = a_post(posts), posts.as_("mod", MODERATOR)
    for number in range(1, 32):
        a_comment(posts, post, f"rude {number}")
    mod.put(f"{ALL}1/disabled")
    first = mod.get(f"{ALL}?moderate=true").json
    second = mod.get(first["next"]).json
    assert (first["next"], second["prev_url"]) == tuple(
        f"http://localhost:8000{ALL}?moderate=true&page={page}" for page in (2, 1)
    )
    assert [comment["body"] for comment in second["comments"]] == ["rude 1"]
    assert mod.get(ALL).json["next_url"] == f"http://localhost:8000{ALL}?page=2"


def test_moderation_twice_is_told_once_and_can_be_undone(posts):
    a_comment(posts, a_post(posts))
    posts.outbox()
    mod = posts.as_("mod", MODERATOR)
    for _ in range(2):
        mod.put(f"{ALL}1/disabled")
    assert mod.delete(f"{ALL}1/disabled").json["body"] == "Well said"
    assert [event.version for event in posts.outbox() if event.type != "posts.comment_judged.v1"] == [2, 3]


def test_moderation_needs_moderate_and_a_comment(posts):
    a_comment(posts, a_post(posts))
    assert posts.as_("ann", USER).put(f"{ALL}1/disabled").status_code == 403
    assert posts.as_("mod", MODERATOR).put(f"{ALL}1/disabled").status_code == 200
    assert posts.as_("ben", USER).delete(f"{ALL}1/disabled").status_code == 403
    assert posts.as_("ben", USER).get(f"{ALL}1").json["disabled"] is True
    assert posts.as_("mod", MODERATOR).delete(f"{ALL}9/disabled").status_code == 404


def test_an_edit_needs_a_text_if_it_names_one(posts):
    a_comment(posts, a_post(posts), "Well said")
    ben = posts.as_("ben", USER)
    for none in (" ", "", None):
        answer = ben.put(f"{ALL}1", json={"body": none})
        assert (answer.status_code, answer.json["message"]) == (400, "comment does not have a body")
    assert ben.put(f"{ALL}1", json={}).json["body"] == "Well said"


def test_a_disabled_comment_stays_disabled_when_its_author_edits_it(posts):
    a_comment(posts, a_post(posts), "rude")
    posts.as_("mod", MODERATOR).put(f"{ALL}1/disabled")
    posts.outbox()
    edited = posts.as_("ben", USER).put(f"{ALL}1", json={"body": "rude again"})
    [event] = posts.outbox()
    assert (edited.status_code, edited.json["disabled"], edited.json["body"]) == (200, True, None)
    assert (event.version, event.data["disabled"], event.data["body"]) == (3, True, None)


@pytest.mark.parametrize(
    ("who", "bits", "edits", "removes"),
    [
        ("ben", USER, 200, 204),
        ("ann", USER, 403, 403),
        ("mod", MODERATOR, 403, 204),
        ("mod", ADMINISTRATOR, 200, 204),
    ],
)
def test_who_may_edit_and_remove(posts, who, bits, edits, removes):
    a_comment(posts, a_post(posts))
    assert posts.as_(who, bits).put(f"{ALL}1", json={"body": "changed"}).status_code == edits
    assert posts.as_(who, bits).delete(f"{ALL}1").status_code == removes


def test_an_edited_comment_is_told_and_without_a_body_stays(posts):
    a_comment(posts, a_post(posts))
    posts.outbox()
    assert posts.as_("ben", USER).put(f"{ALL}1", json={"body": "*Well*"}).json["body_html"] == "<em>Well</em>"
    assert posts.as_("ben", USER).put(f"{ALL}1", json={}).json["body"] == "*Well*"
    assert [event.version for event in posts.outbox()] == [2]


def test_of_two_who_edit_a_comment_at_once_the_second_is_told(posts):
    a_comment(posts, a_post(posts))
    ben, root = posts.as_("ben", USER), posts.as_("mod", ADMINISTRATOR)
    read = {"If-Match": ben.get(f"{ALL}1").headers["ETag"]}
    first = root.put(f"{ALL}1", json={"body": "one"}, headers=read)
    second = ben.put(f"{ALL}1", json={"body": "two"}, headers=read)
    assert (first.status_code, second.status_code) == (200, 409)
    assert "Somebody else changed this" in second.json["message"]
    assert ben.get(f"{ALL}1").json["body"] == "one"
    again = {"If-Match": first.headers["ETag"]}
    assert ben.put(f"{ALL}1", json={"body": "two"}, headers=again).status_code == 200
    assert ben.put(f"{ALL}1", json={"body": "three"}).status_code == 200
    assert ben.put(f"{ALL}1", json={"body": "x"}, headers={"If-Match": '"what"'}).status_code == 409
    assert ben.delete(f"{ALL}1", headers=read).status_code == 409
    assert ben.get(f"{ALL}1").json["body"] == "three"


def test_an_unchanged_comment_is_304_and_a_hidden_one_is_not(posts):
    a_comment(posts, a_post(posts))
    ann = posts.as_("ann", USER)
    seen = {"If-None-Match": ann.get(f"{ALL}1").headers["ETag"]}
    again = ann.get(f"{ALL}1", headers=seen)
    assert (again.status_code, again.headers["ETag"]) == (304, seen["If-None-Match"])
    assert again.headers["Cache-Control"] == "private, no-cache"
    a_person(posts, 2, "benjamin")
    renamed = ann.get(f"{ALL}1", headers=seen)
    assert renamed.json["author"]["username"] == "benjamin"
    posts.as_("mod", MODERATOR).put(f"{ALL}1/disabled")
    assert ann.get(f"{ALL}1", headers={"If-None-Match": renamed.headers["ETag"]}).json["body"] is None


def test_a_removed_comment_is_gone_and_no_longer_counted(posts):
    a_comment(posts, a_post(posts))
    posts.outbox()
    ben = posts.as_("ben", USER)
    assert ben.delete(f"{ALL}1").status_code == 204
    [event] = posts.outbox()
    assert (event.type, event.data["post_comment_count"], event.data["body"]) == (
        "posts.comment_removed.v1",
        0,
        None,
    )
    assert (ben.get(f"{ALL}1").status_code, ben.delete(f"{ALL}1").status_code) == (404, 404)
    assert (ben.get("/api/v1/posts/1").json["comment_count"], ben.get(ALL).json["count"]) == (0, 0)


def comments_by(posts, name):
    reader = posts.as_("ann", USER)
    return reader.get(f"/api/v1/users/{ord(name[0]) - 96}/posts/").json["comment_count"]


def test_how_many_comments_somebody_has_written_is_told_with_their_posts(posts):
    first, second = a_post(posts), a_post(posts)
    one = a_comment(posts, first)
    for post in (first, second, second):
        a_comment(posts, post)
    assert (comments_by(posts, "ben"), comments_by(posts, "ann")) == (4, 0)
    posts.as_("ben", USER).delete(f"/api/v1/comments/{one['id']}")
    assert comments_by(posts, "ben") == 3
    posts.as_("ann", USER).delete(f"/api/v1/posts/{second['id']}")
    assert comments_by(posts, "ben") == 1
    posts.as_("ann", USER).delete(f"/api/v1/posts/{first['id']}")  # of which one comment was gone already
    assert (comments_by(posts, "ben"), posts.as_("ann").get(ALL).json["count"]) == (0, 0)


def test_a_comment_sent_again_gets_its_first_answer_as_long_as_it_is_there(posts):
    """However its author, a moderator or the author of the post has removed it, its text is gone; and the
    same request again does not write it anew.
    """
    a_post(posts), a_post(posts)
    ben = posts.as_("ben", USER)
    say = lambda post, key: ben.post(  # noqa: E731
        f"/api/v1/posts/{post}/comments/", json={"body": "x"}, headers={"Idempotency-Key": key}
    )
    first, second, third = say(1, "c"), say(2, "d"), say(2, "e")
    again = say(1, "c")
    assert (first.status_code, again.status_code, again.data) == (201, 201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    posts.as_("ann", USER).delete("/api/v1/posts/1")
    posts.as_("mod", MODERATOR).delete(f"/api/v1/comments/{second.json['id']}")
    ben.delete(f"/api/v1/comments/{third.json['id']}")
    for post, key in ((1, "c"), (2, "d"), (2, "e")):
        gone = say(post, key)
        assert (gone.status_code, "body" in gone.json, "removed since" in gone.text) == (410, False, True)
    assert say(1, "f").status_code == 404
    assert comments_by(posts, "ben") == 0


def test_a_comment_sent_again_shows_no_text_that_a_moderator_has_hidden_since(posts):
    """Once it is shown again, so is the first answer."""
    ben, moderator, path = posts.as_("ben", USER), posts.as_("mod", MODERATOR), a_post(posts)["comments_url"]
    say = lambda: ben.post(path, json={"body": "secret"}, headers={"Idempotency-Key": "c"})  # noqa: E731
    first = say()
    moderator.put(f"{first.json['url']}/disabled")
    hidden = say()
    assert (hidden.status_code, hidden.headers["Location"]) == (201, first.headers["Location"])
    assert hidden.json == ben.get(first.headers["Location"]).json
    assert ("secret" in hidden.text, hidden.headers["Idempotency-Replayed"]) == (False, "true")
    moderator.delete(f"{first.json['url']}/disabled")
    assert say().data == first.data


def test_a_key_of_a_removed_comment_is_not_for_another_one(posts):
    a_post(posts)
    path, key = "/api/v1/posts/1/comments/", {"Idempotency-Key": "c"}
    ben = posts.as_("ben", USER)
    ben.post(path, json={"body": "x"}, headers=key)
    posts.as_("ann", USER).delete("/api/v1/posts/1")
    assert ben.post(path, json={"body": "y"}, headers=key).status_code == 422


def test_the_same_words_on_another_post_are_another_request(posts):
    """Whoever got the first answer again would take the second comment for written."""
    a_post(posts), a_post(posts)
    ben, key = posts.as_("ben", USER), {"Idempotency-Key": "c"}
    say = lambda post: ben.post(f"/api/v1/posts/{post}/comments/", json={"body": "x"}, headers=key)  # noqa: E731
    assert [say(1).status_code, say(2).status_code] == [201, 422]


def test_a_comment_whose_answer_was_lost_and_that_is_gone_is_told_as_gone(posts, monkeypatch):
    """And as nothing else: who hears "not found" would write it a second time."""
    a_post(posts)
    path, body, key = "/api/v1/posts/1/comments/", {"body": "x"}, {"Idempotency-Key": "c"}
    with monkeypatch.context() as broken:
        broken.setattr(idempotency, "keep", None)
        assert posts.as_("ben", USER).post(path, json=body, headers=key).status_code == 500
    posts.as_("ann", USER).delete("/api/v1/posts/1")
    again = posts.as_("ben", USER).post(path, json=body, headers=key)
    assert (again.status_code, "removed since" in again.json["message"]) == (410, True)
