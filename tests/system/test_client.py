"""The client package against the running blog: the main job as a program does it."""

import itertools
import subprocess
import sys
import uuid

import pytest

from chassis.testing.polling import eventually
from flasky_client import Flasky, Problem

from .people import PASSWORD, Blog


def member(blog: Blog, name: str) -> tuple[Flasky, int]:
    unique = f"{name}.{uuid.uuid4().hex[:6]}"
    client = Flasky(blog.url)
    account = client.register(f"{unique}@example.com", unique, PASSWORD)
    client.confirm(blog.mail(f"{unique}@example.com", "confirm"))
    return client.sign_in(f"{unique}@example.com", PASSWORD), account["id"]


def test_a_program_registers_posts_comments_follows_and_reads(blog):
    (ann, ann_id), (ben, ben_id) = member(blog, "ann"), member(blog, "ben")
    first, second = ann.publish("One *thing*"), ann.publish("Another thing")
    assert ann.edit(second["id"], "Another thing, edited")["body"] == "Another thing, edited"
    eventually(lambda: ben.user(ann_id)["post_count"] == 2)
    ben.follow(ann_id)
    eventually(lambda: [post["id"] for post in ben.timeline(ben_id)] == [second["id"], first["id"]])
    assert [tie["user"]["id"] for tie in ann.followers(ann_id)] == [ben_id]
    assert [tie["user"]["id"] for tie in ben.following(ben_id)] == [ann_id]
    remark = ben.comment(first["id"], "Well said")
    assert [each["id"] for each in ann.comments(first["id"])] == [remark["id"]]
    assert next(ann.posts())["id"] == second["id"]
    ann.remove(second["id"])
    assert [post["id"] for post in ann.posts_of(ann_id)] == [first["id"]]
    ben.unfollow(ann_id)
    assert list(ben.timeline(ben_id)) == []
    ben.sign_out()
    with pytest.raises(Problem, match="401"):
        ben.me()


def test_a_long_list_is_read_to_its_end(blog):
    ann, ann_id = member(blog, "ann")
    written = [ann.publish(f"Number {number}")["id"] for number in range(23)]
    assert [post["id"] for post in ann.posts_of(ann_id)] == written[::-1]
    assert len(list(itertools.islice(ann.posts(), 21))) == 21


def test_a_program_changes_and_removes_its_comment_and_reads_about_people(blog):
    ann, ann_id = member(blog, "ann")
    ann.edit_me(name="Ann", location=None)
    assert ann.profile(ann_id)["name"] == "Ann"
    assert ann_id in [user["id"] for user in ann.users()]
    post = ann.publish("One thing", key="once")
    assert ann.publish("One thing", key="once")["id"] == post["id"]
    remark = ann.comment(post["id"], "Well sadi")
    assert ann.edit_comment(remark["id"], "Well said")["body"] == "Well said"
    ann.remove_comment(remark["id"])
    assert list(ann.comments(post["id"])) == []


def test_no_change_overwrites_what_the_program_has_not_seen(blog):
    ann, _ = member(blog, "ann")
    with Flasky(blog.url, ann.token) as elsewhere:
        post = ann.post(ann.publish("One thing")["id"])
        remark = ann.read_comment(ann.comment(post["id"], "Well sadi")["id"])
        account = ann.me()
        elsewhere.edit(post["id"], "Another thing")
        elsewhere.edit_comment(remark["id"], "Well said")
        elsewhere.edit_me(location="Oslo")
    for late in (
        lambda: ann.edit(post["id"], "One thing more", etag=post["etag"]),
        lambda: ann.remove(post["id"], etag=post["etag"]),
        lambda: ann.edit_comment(remark["id"], "Sad", etag=remark["etag"]),
        lambda: ann.remove_comment(remark["id"], etag=remark["etag"]),
        lambda: ann.edit_me(location="Bonn", etag=account["etag"]),
    ):
        with pytest.raises(Problem) as caught:
            late()
        assert caught.value.status == 409
    assert ann.post(post["id"])["body"] == "Another thing"
    edited = ann.edit(post["id"], "Both", etag=ann.post(post["id"])["etag"])
    assert ann.edit(post["id"], "Both things", etag=edited["etag"])["body"] == "Both things"
    assert ann.edit(post["id"], "The last word")["body"] == "The last word"


def test_a_password_may_be_in_any_script(blog):
    name = f"zoe.{uuid.uuid4().hex[:6]}"
    with Flasky(blog.url) as zoe:
        zoe.register(f"{name}@example.com", name, "десять зелёных слов")
        zoe.confirm(blog.mail(f"{name}@example.com", "confirm"))
        assert zoe.sign_in(f"{name}@example.com", "десять зелёных слов").me()["username"] == name


def test_what_is_refused_is_told_by_field(blog):
    ann, _ = member(blog, "ann")
    with pytest.raises(Problem) as caught:
        ann.publish("  ")
    assert caught.value.status == 400
    assert caught.value.request_id


def fake(blog, password, *words):
    """`flask fake`, as a person would run it."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "auth.app", "fake", "--url", blog.url, *words],
        env=blog.stack.environment("auth") | {"ADMIN_PASSWORD": password},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_demo_content_is_made_through_the_public_api(blog):
    blog.administrator()
    ann, _ = member(blog, "ann")
    before = next(ann.posts(), {"id": 0})["id"]
    made = fake(blog, PASSWORD, "--people=3", "--posts=4", "--comments=2", "--follows=2", "--seed=84")
    assert (made.returncode, made.stdout.splitlines()[0]) == (0, "3 people …"), made.stderr
    posts = list(itertools.takewhile(lambda post: post["id"] > before, ann.posts()))
    assert len(posts) >= 4
    assert sum(post["comment_count"] for post in posts) >= 2


def test_why_no_demo_content_is_made_is_said_in_a_sentence(blog):
    blog.administrator()
    assert "401 Invalid credentials" in fake(blog, "another password", "--people=1").stderr
    asked = fake(blog, PASSWORD, "--people=1", "--url=http://127.0.0.1:9", "--patience=1")
    assert "nobody answers at http://127.0.0.1:9" in asked.stderr
