"""The main job on real input, through the gateway, on both stacks."""

import statistics
import time

import pytest

from chassis.testing.polling import eventually

from .people import PASSWORD

REL = 'rel="nofollow noopener noreferrer"'


@pytest.fixture
def three(blog):
    """john, susan and david of the book's example: 1→3, 2→1, 2→3; posts 1 susan, 2 john, 3 david, 4 john."""
    john, susan, david = (blog.member(name) for name in ("john", "susan", "david"))
    for follower, followed in ((john, david), (susan, john), (susan, david)):
        settled(lambda a=follower, b=followed: a.put(f"/users/{b.id}/follow").status_code in (200, 201))
    written = [
        who.post("/posts/", body=text).json()
        for who, text in ((susan, "one"), (john, "two"), (david, "three"), (john, "four"))
    ]
    return john, susan, david, written


def settled(question):
    """Other people's news need a moment; one's own do not."""
    return eventually(question, within=10)


def test_who_is_not_confirmed_gets_nothing_but_the_confirmation(blog):
    ann = blog.newcomer("ann")
    refused = ann.ask("POST", "/tokens/", auth=(ann.email, PASSWORD))
    assert (refused.status_code, refused.json()["message"]) == (403, "Unconfirmed account")
    assert ann.ask("GET", "/posts/", auth=(ann.email, PASSWORD)).status_code == 403
    ann.confirm()
    granted = ann.ask("POST", "/tokens/", auth=(ann.email, PASSWORD)).json()
    assert granted["expiration"] == 3600
    assert ann.get("/posts/", auth=(granted["token"], "")).status_code == 200
    assert ann.get("/posts/", headers={"Authorization": f"Bearer {granted['token']}"}).status_code == 200


def test_a_token_cannot_get_a_token(blog):
    ann = blog.member("ann")
    for auth in ((ann.token, ""), ("", ""), (ann.email, "wrong password")):
        refused = ann.ask("POST", "/tokens/", auth=auth)
        assert (refused.status_code, refused.json()["message"]) == (401, "Invalid credentials")
    assert ann.post("/tokens/").status_code == 401


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


def test_moderation_through_a_role_that_was_just_given_and_taken(blog, three):
    """A moderator's rights come and go within a second, with the token they had before."""
    john, susan, david, (one, *_) = three
    root = blog.administrator()
    comment = john.post(f"/posts/{one['id']}/comments/", body="rude").json()
    assert david.put(f"/comments/{comment['id']}/disabled").status_code == 403
    promoted = root.patch(f"/users/{david.id}", role="Moderator")
    assert promoted.json()["role"]["name"] == "Moderator"
    assert david.put(f"/comments/{comment['id']}/disabled").status_code == 200
    seen = susan.get(f"/posts/{one['id']}/comments/").json()["comments"][0]
    assert (seen["disabled"], seen["body"], seen["body_html"]) == (True, None, None)
    assert david.get("/comments/?moderate=true").json()["comments"][0]["body"] == "rude"
    root.patch(f"/users/{david.id}", role="User")
    assert david.delete(f"/comments/{comment['id']}/disabled").status_code == 403
    assert david.get("/posts/").status_code == 200


def test_a_disabled_account_loses_access_within_a_second(blog):
    root, ann = blog.administrator(), blog.member("ann")
    assert ann.get("/posts/").status_code == 200
    began = time.monotonic()
    assert root.patch(f"/users/{ann.id}", disabled=True).status_code == 200
    eventually(lambda: ann.get("/posts/").status_code == 401, within=1.5)
    assert time.monotonic() - began < 1.5
    assert ann.ask("POST", "/tokens/", auth=(ann.email, PASSWORD)).status_code == 401
    root.patch(f"/users/{ann.id}", disabled=False)
    assert ann.ask("POST", "/tokens/", auth=(ann.email, PASSWORD)).status_code == 200


def test_a_rename_and_a_new_address_show_on_every_copy(blog, three):
    john, susan, _, (one, two, *_) = three
    root = blog.administrator()
    john.post(f"/posts/{one['id']}/comments/", body="hello")
    settled(lambda: len(susan.timeline()) == 4)
    renamed = f"{john.username}.jr"
    changed = root.patch(f"/users/{john.id}", username=renamed, email=f"{renamed}@example.com").json()
    assert (changed["username"], changed["email"]) == (renamed, f"{renamed}@example.com")

    def authors():
        yield susan.get(f"/posts/{two['id']}").json()["author"]
        yield from (post["author"] for post in susan.timeline() if post["author"]["id"] == john.id)
        yield susan.get(f"/posts/{one['id']}/comments/").json()["comments"][0]["author"]
        yield susan.get(f"/users/{susan.id}/following/").json()["following"][0]["user"]

    everywhere = {(renamed, changed["avatar_url"])}
    settled(lambda: {(author["username"], author["avatar_url"]) for author in authors()} == everywhere)
    assert susan.get("/users/", params={"username": renamed}).json()["users"][0]["id"] == john.id
    assert susan.get(f"/users/{john.id}").json()["avatar_url"] == changed["avatar_url"]
    picture = susan.http.get(changed["avatar_url"].replace(blog.stack.public_url, blog.url), timeout=5)
    assert (picture.status_code, picture.headers["Content-Type"].split(";")[0]) == (200, "image/svg+xml")


def test_a_forgotten_password_is_reset_by_mail_and_ends_old_tokens(blog):
    ann = blog.member("ann")
    assert blog.stranger().post("/users/reset", email=ann.email).status_code == 202
    assert blog.stranger().post("/users/reset", email="nobody@example.com").status_code == 202
    token = blog.mail(ann.email, "reset")
    assert blog.stranger().post("/users/reset", token=token, password="an even better one").status_code == 200
    eventually(lambda: ann.get("/posts/").status_code == 401, within=2)
    assert ann.ask("POST", "/tokens/", auth=(ann.email, PASSWORD)).status_code == 401
    assert ann.ask("POST", "/tokens/", auth=(ann.email, "an even better one")).status_code == 200
    assert blog.stranger().post("/users/reset", token=token, password="once more please").status_code == 400


def test_a_new_address_holds_when_its_mail_is_answered(blog):
    ann = blog.member("ann")
    fresh = f"new.{ann.email}"
    assert ann.post("/users/me/email", email=fresh, password=PASSWORD).status_code == 202
    assert ann.get("/users/me").json()["email"] == ann.email
    assert (
        blog.stranger().post("/users/change-email", token=blog.mail(fresh, "change-email")).status_code == 200
    )
    settled(lambda: ann.get("/users/me").json().get("email") == fresh)
    assert ann.ask("POST", "/tokens/", auth=(fresh, PASSWORD)).status_code == 200


def test_last_seen_moves_and_e_mail_stays_private(blog, three):
    john, susan, *_ = three
    seen = susan.get(f"/users/{john.id}").json()
    public = "id url username member_since last_seen avatar_url posts_url followed_posts_url post_count"
    assert set(seen) == set(public.split())
    assert john.email not in susan.get(f"/users/{john.id}/profile").text


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
