"""Accounts on real input, through the gateway, on both stacks: coming in, roles, names, passwords, mail."""

import time

from chassis.testing.polling import eventually

from .people import PASSWORD, settled


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


def test_others_see_a_person_and_no_address(blog, three):
    john, susan, *_ = three
    seen = susan.get(f"/users/{john.id}").json()
    public = "id url username member_since last_seen avatar_url posts_url followed_posts_url post_count"
    assert set(seen) == set(public.split())
    assert john.email not in susan.get(f"/users/{john.id}/profile").text


def test_tokens_that_come_with_the_password_are_answered_as_auth_answers(blog):
    """auth gives them while it looks at the password, if there is nothing else to read (`Route.issues`)."""
    ann = blog.newcomer("ann")
    ann.confirm()
    client = {"auth": (ann.email, PASSWORD), "headers": {"User-Agent": "Reader/2"}}
    issued, asked = (ann.ask("POST", "/tokens/", **client, **sent) for sent in ({}, {"json": {}}))
    changing = {"Date", "X-Request-Id", "Content-Length", "RateLimit-Remaining", "RateLimit-Reset"}
    shown = [
        {name: each.headers[name] for name in each.headers.keys() - changing} for each in (issued, asked)
    ]
    assert (issued.status_code, shown[0], issued.json().keys()) == (200, shown[1], asked.json().keys())
    ann.token = issued.json()["token"]
    sessions = ann.get("/users/me/sessions/").json()["sessions"]
    assert [each["agent"] for each in sessions] == ["Reader/2"] * 2
    assert [each["kind"] for each in ann.get("/users/me/log/").json()["entries"]][:2] == ["tokens-issued"] * 2
