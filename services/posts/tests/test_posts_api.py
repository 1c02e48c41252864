"""Posts over HTTP."""

import pytest
import requests

from chassis.testing.service import served

from .states import ADMINISTRATOR, MODERATOR, USER, a_comment, a_person, a_post

ALL = "/api/v1/posts/"


def test_publishing_answers_with_the_whole_new_post_and_tells_the_others(posts):
    a_person(posts, 1, "ann")
    answer = posts.as_("ann", USER).post(ALL, json={"body": "body of the *blog* post"})
    [event] = posts.outbox()
    post = answer.json
    assert (answer.status_code, answer.headers["Location"]) == (201, "http://localhost:8000/api/v1/posts/1")
    assert post["body_html"] == "<p>body of the <em>blog</em> post</p>"
    assert post == {
        "id": 1,
        "url": "http://localhost:8000/api/v1/posts/1",
        "body": "body of the *blog* post",
        "body_html": "<p>body of the <em>blog</em> post</p>",
        "timestamp": post["timestamp"],
        "author_url": "http://localhost:8000/api/v1/users/1",
        "comments_url": "http://localhost:8000/api/v1/posts/1/comments/",
        "comment_count": 0,
        "author": {
            "id": 1,
            "username": "ann",
            "avatar_url": f"http://localhost:8000/avatar/{1:032x}.svg",
            "url": "http://localhost:8000/api/v1/users/1",
        },
    }
    assert post["timestamp"].endswith("Z")
    assert (event.type, event.subject, event.version) == ("posts.post_published.v1", "1", 1)
    assert (
        event.data | {"author_post_count": 1, "author_post_count_version": 1, "comment_count": 0}
        == event.data
    )


def test_somebody_whose_news_has_not_arrived_may_publish_under_the_tokens_name(posts):
    assert a_post(posts)["author"]["username"] == "ann"
    a_person(posts, 1, "annabel")
    assert posts.as_("ann").get(f"{ALL}1").json["author"]["username"] == "annabel"


@pytest.mark.parametrize(
    "body", [{}, {"body": None}, {"body": ""}, {"body": " \n\t "}, {"body_html": "<p>x</p>"}]
)
def test_a_post_without_a_text_is_refused(posts, body):
    answer = posts.as_("ann", USER).post(ALL, json=body)
    assert (answer.status_code, answer.json["error"]) == (400, "bad request")
    assert answer.json["message"] == "post does not have a body"
    assert posts.outbox() == []


def test_only_the_text_is_taken_from_the_body(posts):
    forged = {
        "body": "x",
        "timestamp": "1999-01-01",
        "author_id": 7,
        "body_html": "<b>",
        "url": "x",
        "comment_count": 9,
    }
    post = posts.as_("ann", USER).post(ALL, json=forged).json
    assert (post["author"]["id"], post["comment_count"], post["body_html"]) == (1, 0, "<p>x</p>")
    assert not post["timestamp"].startswith("1999")


def test_a_post_may_have_64_kib_and_no_byte_more(posts):
    fits, too_long = "é" * 32768, "é" * 32768 + "x"
    assert posts.as_("ann", USER).post(ALL, json={"body": fits}).status_code == 201
    refused = posts.as_("ann", USER).post(ALL, json={"body": too_long})
    assert (refused.status_code, refused.json["message"]) == (
        400,
        "body is too long: at most 65536 bytes are allowed",
    )


def test_publishing_needs_write(posts):
    answer = posts.as_("ann", 3).post(ALL, json={"body": "x"})
    assert (answer.status_code, answer.json["message"]) == (403, "Insufficient permissions")


def test_all_posts_newest_first_in_pages_of_twenty(posts):
    for number in range(45):
        a_post(posts, f"post {number}")
    ann = posts.as_("ann")
    pages = [ann.get(f"{ALL}?page={page}").json for page in (1, 2, 3, 4)]
    bodies = [[post["body"] for post in page["posts"]] for page in pages]
    assert [body for page in bodies for body in page] == [f"post {number}" for number in reversed(range(45))]
    assert [len(page) for page in bodies] == [20, 20, 5, 0]
    assert {page["count"] for page in pages} == {45}
    assert pages[0]["next_url"] == "http://localhost:8000/api/v1/posts/?page=2"
    assert (pages[2]["next_url"], pages[2]["prev"]) == (None, "http://localhost:8000/api/v1/posts/?page=2")


def test_one_persons_posts(posts):
    a_post(posts, "mine"), a_post(posts, "theirs", by="ben")
    found = posts.as_("cid").get("/api/v1/users/2/posts/").json
    assert ([post["body"] for post in found["posts"]], found["count"]) == (["theirs"], 1)


def test_nobodys_posts_are_404_but_my_own_are_an_empty_list(posts):
    assert posts.as_("ann").get("/api/v1/users/77/posts/").status_code == 404
    mine = posts.as_("ann").get("/api/v1/users/1/posts/")
    assert (mine.status_code, mine.json["posts"], mine.json["count"]) == (200, [], 0)


def test_a_removed_persons_posts_are_404(posts):
    a_person(posts, 2, "ben")
    posts.receive("auth.user_removed.v1", 2, 5, {"id": 2})
    a_person(posts, 2, "ben", version=4)
    assert posts.as_("ann").get("/api/v1/users/2/posts/").status_code == 404


def test_an_edit_keeps_the_time_and_tells_the_new_state(posts):
    post = a_post(posts)
    posts.outbox()
    edited = posts.as_("ann", USER).put(f"{ALL}1", json={"body": "Goodbye"})
    [event] = posts.outbox()
    assert edited.json == post | {"body": "Goodbye", "body_html": "<p>Goodbye</p>"}
    assert (event.type, event.version, event.data["body"]) == ("posts.post_edited.v1", 2, "Goodbye")
    assert event.data["edited_at"] > event.data["published_at"]


def test_an_edit_without_a_body_changes_nothing(posts):
    post = a_post(posts)
    posts.outbox()
    assert posts.as_("ann", USER).put(f"{ALL}1", json={}).json == post
    for none in (" ", "", None):
        answer = posts.as_("ann", USER).put(f"{ALL}1", json={"body": none})
        assert (answer.status_code, answer.json["message"]) == (400, "post does not have a body")
    assert posts.outbox() == []


@pytest.mark.parametrize(
    ("who", "bits", "status"),
    [
        ("ann", USER, 200),
        ("ben", USER, 403),
        ("ben", MODERATOR, 403),
        ("ben", ADMINISTRATOR, 200),
        ("ann", 3, 403),
    ],
)
def test_who_may_edit(posts, who, bits, status):
    a_post(posts)
    assert posts.as_(who, bits).put(f"{ALL}1", json={"body": "changed"}).status_code == status


def test_of_two_who_edit_at_once_the_second_is_told(posts):
    a_post(posts)
    tag = posts.as_("ann").get(f"{ALL}1").headers["ETag"]
    first = posts.as_("ann", USER).put(f"{ALL}1", json={"body": "one"}, headers={"If-Match": tag})
    second = posts.as_("ann", USER).put(f"{ALL}1", json={"body": "two"}, headers={"If-Match": tag})
    assert (first.status_code, second.status_code) == (200, 409)
    assert "Somebody else changed this" in second.json["message"]
    assert posts.as_("ann").get(f"{ALL}1").json["body"] == "one"
    nonsense = posts.as_("ann", USER).put(f"{ALL}1", json={"body": "x"}, headers={"If-Match": '"what"'})
    assert nonsense.status_code == 409
    assert posts.as_("ann", USER).delete(f"{ALL}1", headers={"If-Match": tag}).status_code == 409
    assert posts.as_("ann").get(f"{ALL}1").json["body"] == "one"


def test_a_comment_does_not_make_an_edit_late(posts):
    post = a_post(posts)
    tag = posts.as_("ann").get(f"{ALL}1").headers["ETag"]
    a_comment(posts, post)
    assert (
        posts.as_("ann", USER).put(f"{ALL}1", json={"body": "x"}, headers={"If-Match": tag}).status_code
        == 200
    )


def test_an_unchanged_post_is_304_and_a_renamed_author_or_a_comment_changes_it(posts):
    post = a_post(posts)
    tag = posts.as_("ann").get(f"{ALL}1").headers["ETag"]
    again = posts.as_("ann").get(f"{ALL}1", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    a_person(posts, 1, "annabel")
    renamed = posts.as_("ann").get(f"{ALL}1", headers={"If-None-Match": tag})
    assert renamed.json["author"]["username"] == "annabel"
    a_comment(posts, post)
    counted = posts.as_("ann").get(f"{ALL}1", headers={"If-None-Match": renamed.headers["ETag"]})
    assert counted.json["comment_count"] == 1


def without(names, headers):
    return {name: value for name, value in headers.items() if name not in names}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("had", ["{}", "W/{}", '"other", {}', "*"])
def test_who_has_it_already_is_told_so_with_the_headers_of_the_whole_answer(posts, method, had):
    a_post(posts)
    ann = {"Authorization": f"Bearer {posts.signer.token(1, 'ann')}"}
    with served(posts) as url:
        first = requests.request(method, f"{url}{ALL}1", headers=ann, timeout=10)
        known = {"If-None-Match": had.format(first.headers["ETag"])}
        again = requests.request(method, f"{url}{ALL}1", headers=ann | known, timeout=10)
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert first.headers["Cache-Control"] == "private, no-cache"
    own = {"Content-Length", "Content-Type", "Date", "X-Request-Id"}  # of this answer, or of its body
    assert without(own, again.headers) == without(own, first.headers)


@pytest.mark.parametrize("had", ['"7.0.0"', '"{}x"', "", '"*"'])
def test_who_has_another_gets_it_whole(posts, had):
    a_post(posts)
    tag = posts.as_("ann").get(f"{ALL}1").headers["ETag"]
    known = {"If-None-Match": had.format(tag.strip('"'))}
    assert posts.as_("ann").get(f"{ALL}1", headers=known).status_code == 200


@pytest.mark.parametrize(
    ("who", "bits", "status"), [("ann", USER, 204), ("ben", MODERATOR, 403), ("ben", ADMINISTRATOR, 204)]
)
def test_who_may_remove(posts, who, bits, status):
    a_post(posts)
    assert posts.as_(who, bits).delete(f"{ALL}1").status_code == status


def test_a_removed_post_is_gone_everywhere_with_its_comments(posts):
    post = a_post(posts)
    a_comment(posts, post), a_comment(posts, a_post(posts, "another"))
    posts.outbox()
    ann = posts.as_("ann", USER)
    assert ann.delete(f"{ALL}1").status_code == 204
    [event] = posts.outbox()
    assert (event.type, event.version) == ("posts.post_removed.v1", 2)
    assert event.data == {"id": 1, "author_id": 1, "author_post_count": 1, "author_post_count_version": 3}
    for gone in (f"{ALL}1", f"{ALL}1/comments/", "/api/v1/comments/1"):
        assert ann.get(gone).status_code == 404
    assert ann.delete(f"{ALL}1").status_code == 404
    assert (ann.get(ALL).json["count"], ann.get("/api/v1/users/1/posts/").json["count"]) == (1, 1)
    assert ann.get("/api/v1/comments/").json["count"] == 1


def test_unknown_posts_are_404_for_every_method(posts):
    admin = posts.as_("ann", ADMINISTRATOR)
    for method in ("get", "put", "delete"):
        answer = getattr(admin, method)(f"{ALL}99")
        assert (answer.status_code, answer.json["error"]) == (404, "not found")
    assert admin.get(f"{ALL}one").status_code == 404
    assert admin.post(f"{ALL}99/comments/", json={}).status_code == 404


def test_a_preview_comes_from_the_same_renderer_and_is_not_kept(posts):
    ann = posts.as_("ann")
    assert ann.post("/api/v1/preview", json={"body": "a *b*"}).json == {"body_html": "<p>a <em>b</em></p>"}
    assert ann.post("/api/v1/preview", json={"body": "a *b*", "kind": "comment"}).json == {
        "body_html": "a <em>b</em>"
    }
    refused = ann.post("/api/v1/preview", json={"body": "x", "kind": "song"})
    assert (refused.status_code, refused.json["message"]) == (400, "kind must be post or comment")
    assert ann.get(ALL).json["count"] == 0


def test_a_read_is_one_statement(posts):
    post = a_post(posts)
    a_comment(posts, post)
    ann = posts.as_("ann")
    counts = {
        path: posts.statements(lambda path=path: ann.get(path))
        for path in (
            f"{ALL}1",
            ALL,
            "/api/v1/users/1/posts/",
            f"{ALL}1/comments/",
            "/api/v1/comments/",
            "/api/v1/comments/1",
        )
    }
    assert counts == {
        f"{ALL}1": 1,
        ALL: 1,
        "/api/v1/users/1/posts/": 1,
        f"{ALL}1/comments/": 1,
        "/api/v1/comments/": 1,
        "/api/v1/comments/1": 1,
    }


def test_publishing_is_three_statements_and_the_read_of_its_answer(posts):
    a_post(posts)
    ann = posts.as_("ann", USER)
    took = posts.statements(lambda: ann.post(ALL, json={"body": "another"}))
    assert 4 <= took <= 5  # SQLite is told to begin


def test_a_version_of_thousands_of_digits_is_another_version(posts):
    post = posts.as_("ann", 7).post("/api/v1/posts/", json={"body": "x"}).json
    ann = posts.as_("ann", 7)
    for tag in ("9" * 5000, '"' + "9" * 19 + '"'):
        answer = ann.put(f"/api/v1/posts/{post['id']}", json={"body": "y"}, headers={"If-Match": tag})
        assert answer.status_code == 409
