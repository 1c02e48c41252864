"""The main job on real input, through the gateway, on both stacks."""

import statistics
import time

import pytest

from chassis.testing.polling import eventually

from .people import PASSWORD, settled

REL = 'rel="nofollow noopener noreferrer"'


def test_the_books_walk_through(blog):
    """List, create with `*command line*`, get a token, list with the token."""
    ann = blog.member("ann")
    listed = ann.get("/posts/", auth=(ann.email, PASSWORD))
    assert set(listed.json()) == {"posts", "prev_url", "next_url", "prev", "next", "count"}
    made = ann.ask(
        "POST",
        "/posts/",
        json={"body": "I'm adding a post from the *command line*."},
        auth=(ann.email, PASSWORD),
    )
    post = made.json()
    assert (made.status_code, made.headers["Location"]) == (201, post["url"])
    assert post["body_html"] == "<p>I'm adding a post from the <em>command line</em>.</p>"
    assert post["url"] == f"{blog.stack.public_url}/api/v1/posts/{post['id']}"
    token = ann.ask("POST", "/tokens/", auth=(ann.email, PASSWORD)).json()["token"]
    assert ann.get("/posts/", auth=(token, "")).json()["posts"][0] == post


def test_the_golden_timeline(blog, three):
    john, susan, david, (one, two, thr, four) = three
    settled(
        lambda: [post["id"] for post in susan.timeline()] == [four["id"], thr["id"], two["id"], one["id"]]
    )
    settled(lambda: [post["id"] for post in john.timeline()] == [four["id"], thr["id"], two["id"]])
    settled(lambda: [post["id"] for post in david.timeline()] == [thr["id"]])
    counted = susan.get(f"/users/{susan.id}/timeline/").json()["count"]
    assert (counted, susan.get(f"/users/{john.id}/timeline/").json()["count"]) == (4, 3)


def test_the_very_post_is_in_the_timeline_at_the_next_request(blog, three):
    john, *_ = three
    for number in range(5):
        john.post("/posts/", body=f"post *{number}*")
        newest = john.timeline()[0]
        assert newest["body"] == f"post *{number}*"
        assert newest == john.get(f"/posts/{newest['id']}").json()


def test_unfollowing_holds_at_once(blog, three):
    john, susan, david, _ = three
    settled(lambda: len(susan.timeline()) == 4)
    assert susan.delete(f"/users/{john.id}/follow").status_code == 204
    assert [post["author"]["id"] for post in susan.timeline()] == [david.id, susan.id]
    assert susan.put(f"/users/{john.id}/follow").status_code in (200, 201)
    assert len(susan.timeline()) == 4


def test_followers_and_relationship(blog, three):
    john, susan, david, _ = three
    followers = david.get(f"/users/{david.id}/followers/").json()
    following = susan.get(f"/users/{susan.id}/following/").json()
    assert ([item["user"]["id"] for item in followers["followers"]], followers["count"]) == (
        [john.id, susan.id],
        2,
    )
    assert [item["user"]["username"] for item in following["following"]] == [john.username, david.username]
    told = john.get(f"/users/{susan.id}/relationship").json()
    assert (told["following"], told["followed_by"]) == (False, True)


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("body of the *blog* post", "<p>body of the <em>blog</em> post</p>"),
        ("# A\n#### B\n<script>alert(1)</script>c", "<h1>A</h1>\nB\nc"),
        ("<a href='javascript:x()' onclick='y()'>x</a>", f"<p><a {REL}>x</a></p>"),
        ("http://example.com", f'<p><a href="http://example.com" {REL}>http://example.com</a></p>'),
        ("![x](http://example.com/x.png)", "<p></p>"),
        ("ann@example.com", "<p>ann@example.com</p>"),
    ],
)
def test_the_sanitisers_golden_cases(three, body, html):
    assert three[0].post("/posts/", body=body).json()["body_html"].strip() == html.strip()


def test_comments_with_a_link_are_counted_everywhere(three):
    _, susan, _, (_, two, *_) = three
    made = susan.post(f"/posts/{two['id']}/comments/", body="> See http://example.com, *john*")
    assert made.status_code == 201
    assert (
        made.json()["body_html"]
        == f'See <a href="http://example.com" {REL}>http://example.com</a>, <em>john</em>'
    )
    assert susan.get(f"/posts/{two['id']}").json()["comment_count"] == 1
    card = next(post for post in susan.timeline() if post["id"] == two["id"])
    assert card["comment_count"] == 1
    assert susan.get(f"/posts/{two['id']}/comments/").json()["comments"] == [made.json()]


def test_an_edit_and_a_removal_reach_the_timeline_of_their_author_at_the_next_request(three):
    john, susan, _, (_, two, _, four) = three
    edited = john.put(f"/posts/{four['id']}", body="*edited*")
    assert edited.json()["body_html"] == "<p><em>edited</em></p>"
    assert john.timeline()[0] == edited.json()
    assert john.delete(f"/posts/{two['id']}").status_code == 204
    assert two["id"] not in [post["id"] for post in john.timeline()]
    settled(lambda: two["id"] not in [post["id"] for post in susan.timeline()])
    assert john.get(f"/users/{john.id}").json()["post_count"] == 1


def test_paging_through_45_posts(blog):
    ann = blog.member("ann")
    for number in range(45):
        assert ann.post("/posts/", body=f"post {number}").status_code == 201
    for path in (f"/users/{ann.id}/posts/", f"/users/{ann.id}/timeline/"):
        url, bodies, sizes = path, [], []
        while url:
            page = ann.get(url.replace(blog.stack.public_url, blog.url)).json()
            assert page["count"] == 45
            sizes.append(len(page["posts"]))
            bodies += [post["body"] for post in page["posts"]]
            url = page["next_url"]
        assert sizes == [20, 20, 5]
        assert bodies == [f"post {number}" for number in reversed(range(45))]
        assert ann.get(f"{path}?page=4").json()["posts"] == []


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("POST", "/posts/", {"data": "{", "headers": {"Content-Type": "application/json"}}, 400),
        ("POST", "/posts/", {"json": []}, 400),
        ("POST", "/posts/", {"json": {"body": 7}}, 400),
        ("POST", "/posts/", {"json": {"body": " "}}, 400),
        ("POST", "/posts/", {"json": {"body": "x" * 65537}}, 400),
        ("POST", "/posts/", {"json": {"body": "x" * 300_000}}, 413),
        ("POST", "/posts/", {"data": "body=x"}, 415),
        ("PATCH", "/posts/", {"json": {}}, 405),
        ("GET", "/nothing/here", {}, 404),
        ("GET", "/posts/99999999999", {}, 404),
        ("GET", "/users/99999999999/timeline/", {}, 404),
        ("PUT", "/users/99999999999/follow", {}, 404),
        ("POST", "/users/confirm", {"json": {"token": "not a token"}}, 400),
        ("GET", "/posts/%2e%2e/users", {}, 400),
    ],
)
def test_bad_input_gets_a_problem_with_a_sentence(three, method, path, options, status):
    john = three[0]
    before = john.get("/posts/").json()["count"]
    answer = john.ask(method, path, **options)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    told = answer.json()
    assert set(told) >= {"type", "title", "status", "detail", "instance", "request_id", "error", "message"}
    assert told["request_id"] == answer.headers["X-Request-Id"]
    assert len(told["message"].split()) >= 2
    assert john.get("/posts/").json()["count"] == before


def test_what_strangers_get(blog):
    stranger = blog.stranger()
    refused = stranger.get("/posts/")
    assert (refused.status_code, refused.json()["message"]) == (401, "Invalid credentials")
    assert refused.headers["WWW-Authenticate"].startswith("Basic")
    assert stranger.get("/users/").status_code == 401
    assert stranger.get("/nothing").status_code == 404
    assert stranger.ask("OPTIONS", "/posts/").headers["Allow"]
    for path in ("/internal/changes", "/metrics", "/readyz", "/livez"):
        assert stranger.http.get(blog.url + path, timeout=5).status_code == 404
    assert stranger.http.get(f"{blog.url}/api/docs", timeout=5).status_code == 200
    assert "/api/docs" in stranger.http.get(blog.url, timeout=5).text
    assert (
        "/api/v1/users/{id}/timeline/"
        in stranger.http.get(f"{blog.url}/api/v1/openapi.json", timeout=5).json()["paths"]
    )


def test_a_request_can_be_found_in_the_log_of_every_service_it_passed(blog, three):
    john = three[0]
    john.ask(
        "POST", "/posts/", json={"body": "where did I go?"}, headers={"X-Request-Id": "find-me-in-the-logs"}
    )

    def passed():
        return [
            name
            for name in ("gateway", "posts")
            if any(line.get("request_id") == "find-me-in-the-logs" for line in blog.stack.lines(name))
        ]

    eventually(lambda: passed() == ["gateway", "posts"])
    everything = "".join((blog.stack.logs / f"{name}.log").read_text() for name in blog.stack.processes)
    for secret in (PASSWORD, john.token, "where did I go"):
        assert secret not in everything


def test_news_reach_a_followers_timeline_soon(blog, three):
    john, susan, *_ = three
    ages = []
    for number in range(12):
        began = time.perf_counter()
        john.post("/posts/", body=f"news {number}")
        eventually(lambda number=number: susan.timeline()[0]["body"] == f"news {number}", every=0.001)
        ages.append(time.perf_counter() - began)
    told = f"median {statistics.median(ages) * 1000:.0f} ms, most {max(ages) * 1000:.0f} ms"
    print(f"\npost to timeline, write and polling included: {told}")


def test_no_service_has_anything_left_over(blog, three):
    """After all that: nothing parked, nothing unsent."""
    import requests

    for name in ("auth", "posts", "social"):
        url = f"http://127.0.0.1:{blog.stack.ports[name]}/metrics"
        metrics = lambda url=url: requests.get(url, timeout=5).text  # noqa: E731
        eventually(lambda metrics=metrics: "outbox_oldest_unsent_age_seconds 0.0" in metrics())
        assert "events_parked 0.0" in metrics()
