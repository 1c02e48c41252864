"""What auth says of people."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from .states import USER, a_person, a_post


def name_of(posts):
    return posts.as_("ann").get("/api/v1/posts/1").json["author"]["username"]


def test_a_rename_shows_on_old_posts_at_once(posts):
    a_person(posts, 1, "ann")
    a_post(posts)
    a_person(posts, 1, "annabel", version=2, avatar_hash="f" * 32)
    author = posts.as_("ann").get("/api/v1/posts/").json["posts"][0]["author"]
    assert (author["username"], author["avatar_url"]) == (
        "annabel",
        f"http://localhost:8000/avatar/{'f' * 32}.svg",
    )


def test_news_of_somebody_who_just_now_writes_for_the_first_time_are_not_late(posts):
    def write(id):
        return posts.as_("typed", USER, id=id).post("/api/v1/posts/", json={"body": "first"}).status_code

    with ThreadPoolExecutor(2) as pool:
        for id in range(101, 121):
            posted, told = pool.submit(write, id), pool.submit(a_person, posts, id, f"told{id}")
            assert (posted.result(), bool(told.result())) == (201, True)
    shown = {post["author"]["username"] for post in posts.as_("ann").get("/api/v1/posts/").json["posts"]}
    assert shown == {f"told{id}" for id in range(101, 121)}


def test_late_news_do_not_undo_a_rename(posts):
    a_post(posts)
    a_person(posts, 1, "annabel", version=2)
    a_person(posts, 1, "ann", version=1)
    assert name_of(posts) == "annabel"


def test_the_same_version_again_repairs_a_copy(posts):
    a_post(posts)
    a_person(posts, 1, "wrong", version=2)
    a_person(posts, 1, "right", version=2)
    assert name_of(posts) == "right"


def test_a_removed_person_leaves_no_name_and_does_not_come_back(posts):
    a_post(posts)
    posts.receive("auth.user_removed.v1", 1, 9, {"id": 1})
    a_person(posts, 1, "ann", version=8)
    ghost = posts.as_("ann", USER).post("/api/v1/posts/", json={"body": "a ghost"})
    assert ghost.status_code == 401
    assert name_of(posts) is None


def test_members_that_are_not_read_may_be_anything(posts):
    a_person(posts, 1, "ann", colour="green", member_since=3)
    assert posts.parked() == []


def test_answers_say_how_old_the_names_in_them_may_be(posts):
    a_post(posts)
    assert "X-Freshness" not in posts.as_("ann").get("/api/v1/posts/1").headers
    at = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    posts.receive("auth.watermark.v1", "auth", 0, {"as_of": at})
    posts.app.extensions["ages"]._read_at = float("-inf")
    for path in ("/posts/", "/posts/1", "/users/1/posts/", "/posts/1/comments/", "/comments/"):
        assert int(posts.as_("ann").get(f"/api/v1{path}").headers["X-Freshness"]) // 60 == 10, path
