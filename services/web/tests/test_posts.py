"""A post and its comments."""

import html
import re

import pytest
import sqlalchemy as sa


@pytest.fixture
def post(ann):
    return ann.publish("body of the *blog* post")


def test_a_post_has_its_page(site, ann, post):
    page = site.stranger().text(f"/post/{post}")
    assert "<title>Flasky - Post</title>" in page
    assert "<p>body of the <em>blog</em> post</p>" in page
    assert f'href="/user/{ann.name}"' in page
    assert ">Permalink<" in page
    assert 'id="comments"' in page
    assert "Log in</a> to comment" in page


@pytest.mark.parametrize(
    "path", ["/post/999999", "/post/x", "/post/9999999999999999999", "/post/0", "/post/-1"]
)
def test_a_post_that_is_not_there(ann, path):
    answer = ann.get(path)
    assert answer.status_code == 404
    assert "Page not found" in answer.text


def test_comments_are_published_and_the_newest_is_shown(site, ann, ben, post):
    for number in range(4):
        page = ben.submit(f"/post/{post}", body=f"comment *{number}*")
        assert "Your comment has been published." in page
        assert f"comment <em>{number}</em>" in page
    assert "4 Comments" in site.stranger().text("/")
    first = ben.text(f"/post/{post}")
    assert "comment <em>0</em>" in first
    assert "comment <em>3</em>" not in first
    assert f'href="/post/{post}?page=2#comments"' in first
    assert "Nothing on this page" in ben.text(f"/post/{post}?page=7")


def test_the_last_page_of_no_comments_is_the_first(ann, post):
    assert "No comments yet" in ann.text(f"/post/{post}?page=-1")


def test_a_stranger_who_comments_logs_in_first(site, post):
    stranger = site.stranger()
    for answer in (
        stranger.post(f"/post/{post}", body="a thought"),
        stranger.open("POST", f"/post/{post}", data={"body": "a thought"}),
    ):
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/auth/login?next=/post/{post}")


def test_who_comments_after_logging_out_keeps_the_text(ben, post):
    form = ben.form(f"/post/{post}", "body", "submit")
    ben.submit("/auth/logout")
    answer = ben.post(f"/post/{post}", **form | {"body": "my <b>long</b> thought"})
    assert answer.status_code == 403
    assert "my &lt;b&gt;long&lt;/b&gt; thought" in answer.text
    assert "You are no longer logged in" in answer.text


def test_the_author_changes_a_post(ann, post):
    page = ann.text(f"/edit/{post}")
    assert "<title>Flasky - Edit Post</title>" in page
    assert "body of the *blog* post</textarea>" in page
    page = ann.submit(f"/edit/{post}", **(ann.form(f"/edit/{post}") | {"body": "now **this**"}))
    assert "The post has been updated." in page
    assert "now <strong>this</strong>" in page
    assert "The post has been updated." not in ann.text("/")


def test_who_may_change_a_post(site, ann, ben, post):
    assert site.stranger().get(f"/edit/{post}").headers["Location"] == f"/auth/login?next=/edit/{post}"
    for path in (f"/edit/{post}", f"/delete/{post}"):
        assert ben.get(path).status_code == 403
        assert ben.post(path, body="x").status_code == 403
        assert ben.get(path.replace(str(post), "999999")).status_code == 404
    root = site.administrator()
    assert "Edit [Admin]" in root.text(f"/post/{post}")
    assert "Edit [Admin]" not in ann.text(f"/post/{post}")
    assert ">Edit<" in ann.text(f"/post/{post}")
    assert ">Edit<" not in ben.text(f"/post/{post}")
    assert "The post has been updated." in root.submit(f"/edit/{post}", body="by root", version="*")


def test_two_who_edit_at_once(site, ann, post):
    opened = ann.form(f"/edit/{post}")
    site.administrator().submit(f"/edit/{post}", body="the other was faster", version="*")
    answer = ann.post(f"/edit/{post}", **(opened | {"body": "my text"}))
    assert answer.status_code == 409
    assert ("Submit again to replace it." in answer.text, "Read it" in answer.text) == (True, False)
    assert "my text</textarea>" in answer.text
    assert "<p>the other was faster</p>" in answer.text
    version = html.unescape(re.search(r'name="version"[^>]*value="([^"]+)"', answer.text)[1])
    assert version != opened["version"]
    assert "The post has been updated." in ann.submit(f"/edit/{post}", version=version, body="my text")


def test_a_version_that_no_page_has_made(ann, post):
    assert ann.post(f"/edit/{post}", body="x", version="ü\n").status_code == 400


def test_an_edit_previews_and_refuses_nothing(ann, post):
    assert "<em>p</em>" in ann.post(f"/edit/{post}", body="*p*", preview="1").text
    assert ann.post(f"/edit/{post}", body=" ").status_code == 400


def test_a_post_is_deleted_after_a_question(ann, post):
    assert "cannot be undone" in ann.text(f"/delete/{post}")
    assert ann.get(f"/post/{post}").status_code == 200
    assert "The post has been deleted." in ann.submit(f"/delete/{post}")
    assert ann.get(f"/post/{post}").status_code == 404


def test_a_comment_is_changed_and_deleted_by_its_author(ann, ben, post):
    comment = ben.comment(post, "first")
    assert "Your comment has been updated." in ben.submit(f"/comment/{comment}/edit", body="*second*")
    assert "<em>second</em>" in ben.text(f"/post/{post}")
    assert ben.post(f"/comment/{comment}/edit", body="").status_code == 400
    assert "<em>p</em>" in ben.post(f"/comment/{comment}/edit", body="*p*", preview="1").text
    for path in (f"/comment/{comment}/edit", f"/comment/{comment}/delete"):
        assert ann.get(path).status_code == 403
        assert ann.post(path, body="x").status_code == 403
    assert "cannot be undone" in ben.text(f"/comment/{comment}/delete")
    assert "The comment has been deleted." in ben.submit(f"/comment/{comment}/delete")
    assert ben.get(f"/comment/{comment}/edit").status_code == 404


def test_a_comment_on_a_later_page_leads_back_to_it(ben, post):
    *_, comment = [ben.comment(post, f"comment {number}") for number in range(4)]
    page = ben.text(f"/post/{post}?page=2")
    for what, place in (("edit", f"comment-{comment}"), ("delete", "comments")):
        path = f"/comment/{comment}/{what}?page=2"
        assert f'href="{path}"' in page
        assert f'href="/post/{post}?page=2#{place}"' in ben.text(path)
        assert ben.post(path, body="x").headers["Location"] == f"/post/{post}?page=2#{place}"


def test_two_who_edit_a_comment_at_once(site, ann, ben, post):
    comment = ben.comment(post, "first")
    path = f"/comment/{comment}/edit"
    opened = ben.form(path)
    site.administrator().submit(path, body="the other was *faster*")
    answer = ben.post(path, **(opened | {"body": "my text"}))
    assert answer.status_code == 409
    assert ("Submit again to replace it." in answer.text, "Read it" in answer.text) == (True, False)
    assert "my text</textarea>" in answer.text
    assert "the other was <em>faster</em>" in answer.text
    version = html.unescape(re.search(r'name="version"[^>]*value="([^"]+)"', answer.text)[1])
    assert "Your comment has been updated." in ben.submit(path, version=version, body="my text")


def test_comments_preview_and_are_refused_at_their_field(ben, post):
    assert "<em>p</em>" in ben.post(f"/post/{post}", body="*p*", preview="1").text
    answer = ben.post(f"/post/{post}", body="x" * 9000)
    assert answer.status_code == 400
    assert "too long by 808 bytes" in answer.text
    ben.post(f"/post/{post}", body="a", key="c" * 22)
    assert ben.post(f"/post/{post}", body="b", key="c" * 22).status_code == 422


def test_moderation(site, ann, ben, post):
    comment = ben.comment(post, "something *rude*")
    moderator = site.moderator()
    assert "Moderate Comments" in moderator.text("/")
    assert "Moderate Comments" not in ann.text("/")
    assert "There are not that many comments." in moderator.text("/moderate?page=999")
    page = moderator.text("/moderate")
    assert "<title>Flasky - Comment Moderation</title>" in page
    assert "something <em>rude</em>" in page
    assert f'href="/comment/{comment}">on this post</a>' in page
    answer = moderator.post(f"/moderate/disable/{comment}?page=2")
    assert answer.headers["Location"] == f"/moderate?page=2#comment-{comment}"
    for who in (site.stranger(), ben, moderator):
        shown = who.text(f"/post/{post}")
        assert "This comment has been disabled by a moderator." in shown
        assert "rude" not in shown
    assert ben.get(f"/comment/{comment}/edit").status_code == 403
    page = moderator.text("/moderate")
    assert "This comment has been disabled by a moderator." in page
    assert "something <em>rude</em>" in page
    moderator.submit(f"/moderate/enable/{comment}")
    assert "rude" in site.stranger().text(f"/post/{post}")


def test_a_moderator_disables_a_comment_where_it_is_read(site, ben, post):
    *_, comment = [ben.comment(post, f"number {number}") for number in range(4)]
    moderator, there = site.moderator(), f"/post/{post}?page=2"
    for what, other in (("disable", "enable"), ("enable", "disable")):
        path = f"/moderate/{what}/{comment}?post={post}"
        page = moderator.text(there)
        assert f'href="{path}">{what.capitalize()}</a>' in page
        assert f"/moderate/{other}/" not in page
        assert "/moderate/" not in ben.text(there)
        assert f'href="/comment/{comment}">Cancel</a>' in moderator.text(path)
        answer = moderator.post(path)
        assert answer.headers["Location"] == f"/comment/{comment}"
        assert moderator.get(answer.headers["Location"]).headers["Location"] == f"{there}#comment-{comment}"


def test_moderation_by_get_only_asks(site, ann, post):
    comment, moderator = ann.comment(post, "fine"), site.moderator()
    for what in ("enable", "disable"):
        assert 'id="confirm-form"' in moderator.text(f"/moderate/{what}/{comment}?page=3")
        assert moderator.get(f"/moderate/{what}/999999").status_code == 404
        assert moderator.post(f"/moderate/{what}/999999").status_code == 404
    assert "fine" in moderator.text(f"/post/{post}")


@pytest.mark.parametrize("gone", [[], [0, 4, 5]], ids=["all", "some are gone"])
def test_a_comment_is_found_on_whatever_page_it_stands(site, ben, post, gone):
    said = [ben.comment(post, f"comment {number}") for number in range(11)]
    for number in gone:
        ben.submit(f"/comment/{said[number]}/delete")
        assert ben.get(f"/comment/{said[number]}").status_code == 404
    left = [comment for number, comment in enumerate(said) if number not in gone]
    for number, comment in enumerate(left):
        there = ben.get(f"/comment/{comment}").headers["Location"]
        assert there == f"/post/{post}?page={number // 3 + 1}#comment-{comment}"
        assert f'id="comment-{comment}"' in ben.text(there.partition("#")[0])
    path = f"/comment/{left[0]}"
    assert site.stranger().get(path).headers["Location"] == f"/auth/login?next={path}"


def test_a_comment_is_found_while_others_are_being_erased(site, ben, post):
    """Pages that were full when they were counted may be empty when they are looked at."""
    comment = ben.comment(post, "still here")
    with site.parts["posts"].app.app_context():
        db = site.parts["posts"].app.extensions["sqlalchemy"]
        db.session.execute(sa.text("UPDATE posts SET comment_count = 50 WHERE id = :id"), {"id": post})
        db.session.commit()
    assert ben.get(f"/comment/{comment}").headers["Location"] == f"/post/{post}?page=1#comment-{comment}"


def test_what_was_done_to_a_comment_is_said_where_the_comments_are(ben, post):
    answer = ben.post(f"/post/{post}", body="read me")
    page = ben.text(answer.headers["Location"])
    comment = re.search(r'id="comment-(\d+)"', page)[1]
    assert answer.headers["Location"] == f"/post/{post}?page=-1#comment-{comment}"
    changed = ben.submit(f"/comment/{comment}/edit", body="read me, please")
    for shown, said in ((page, "has been published."), (changed, "has been updated.")):
        assert shown.count("Your comment " + said) == 1
        assert shown.index('id="comments"') < shown.index(said)
    assert f'action="/post/{post}#comment-form"' in ben.post(f"/post/{post}", body="").text


def test_a_comment_that_is_refused_leaves_one_on_the_page_that_one_read(ben, post):
    *_, last = [ben.comment(post, f"comment {number}") for number in range(4)]
    action = f"/post/{post}?page=2"
    for page in (
        ben.text(action),
        ben.post(action, body="").text,
        ben.post(action, body="x", preview="1").text,
    ):
        assert f'action="{action}#comment-form"' in page
        assert f'id="comment-{last}"' in page


@pytest.mark.parametrize("path", ["/moderate", "/moderate/enable/1", "/moderate/disable/1"])
def test_who_may_moderate(site, ann, path):
    assert site.stranger().get(path).headers["Location"] == f"/auth/login?next={path}"
    assert ann.get(path).status_code == 403
    assert "Forbidden" in ann.get(path).text


def test_a_moderator_deletes_comments_of_others(site, ann, post):
    comment, moderator = ann.comment(post, "bad"), site.moderator()
    path = f"/comment/{comment}/delete?moderate=1"
    assert f'href="{path}"' in moderator.text("/moderate")
    asked = moderator.text(path)
    assert re.search(r"<blockquote[^>]*>bad</blockquote>", asked)
    assert 'href="/moderate?page=1">Cancel' in asked
    answer = moderator.post(path)
    assert answer.headers["Location"] == "/moderate?page=1"
    assert "The comment has been deleted." in moderator.text("/moderate")


def test_nobody_else_is_led_to_moderation(ann, post):
    path = f"/comment/{ann.comment(post, 'mine')}/delete?moderate=1"
    assert ann.post(path).headers["Location"] == f"/post/{post}?page=1#comments"


def test_long_posts_are_shown_and_not_kept(site, ann):
    """What is kept would be a gigabyte if all of it were as long as posts may be."""
    kept = site.app.extensions["pieces"].cache_info
    short, long = ann.publish("short *words*"), ann.publish("long *words* " * 1000)
    ann.text(f"/post/{short}")
    before = kept()
    assert "<em>words</em>" in ann.text(f"/post/{long}")
    assert kept() == before
    ann.text(f"/post/{short}")
    assert kept().hits == before.hits + 1


def test_a_list_shows_the_beginning_of_a_post_that_is_very_long(site, ann):
    long = ann.publish("*word* " * 4000)
    ann.publish("*word* " * 1000)
    hers = f"/user/{ann.name}"
    page, feed = site.stranger().text(hers), site.stranger().text(f"{hers}/feed.atom")
    assert page.count("<em>word</em>") == 1000
    assert page.count('class="read-on"') == 2
    assert site.stranger().text(f"/post/{long}").count("<em>word</em>") == 4000
    assert (feed.count("<content"), feed.count("<summary>word word")) == (1, 1)
