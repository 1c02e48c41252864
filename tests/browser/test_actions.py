"""Everything a person can do with posts, comments and other people, once with JavaScript and once without."""

import re

from playwright.sync_api import expect

from .crowd import comment, publish
from .steps import agree, fill, log_in, log_out, newest, says, send, titled


def test_write_edit_and_delete_a_post(open_as, member):
    page = open_as(member("writer"))
    send(page, body="body of the *blog* post")
    expect(newest(page).locator(".post-body em")).to_have_text("blog")
    expect(page.locator("#body")).to_be_empty()
    newest(page).get_by_role("link", name="Edit").click()
    titled(page, "Edit Post")
    expect(page.locator("#body")).to_have_value("body of the *blog* post")
    send(page, body="**edited**")
    says(page, "The post has been updated.")
    assert re.search(r"/post/\d+$", page.url)
    expect(page).to_have_title("Flasky - Post")
    expect(page.locator(".post-body strong")).to_have_text("edited")
    address = page.url
    page.get_by_role("link", name="Delete").click()
    agree(page)
    says(page, "The post has been deleted.")
    assert page.goto(address).status == 404


def test_two_presses_make_one_post(open_as, member):
    author = member("hasty")
    page = open_as(author)
    fill(page, body="once")
    page.locator("main [name=submit]").dblclick()
    expect(newest(page).locator(".post-body")).to_have_text("once")
    assert author.get(f"/users/{author.id}/posts/").json()["count"] == 1


def test_going_back_to_write_another_post_makes_another_post(open_as, member):
    author = member("returner")
    page = open_as(author)
    send(page, body="first")
    expect(newest(page).locator(".post-body")).to_have_text("first")
    page.go_back()
    send(page, body="second")
    expect(newest(page).locator(".post-body")).to_have_text("second")
    assert author.get(f"/users/{author.id}/posts/").json()["count"] == 2


def test_write_edit_and_delete_a_comment(open_as, member, crowd):
    page = open_as(member("talker"), f"/post/{publish(crowd.david, 'Discuss.')}")
    send(page, body="Well *said*")
    says(page, "Your comment has been published.")
    assert "page=-1" in page.url
    said = page.locator(".comment").last
    expect(said.locator("em")).to_have_text("said")
    expect(page.locator(".label-comments")).to_have_text(re.compile("1 Comment"))
    said.get_by_role("link", name="Edit").click()
    send(page, body="Better said")
    says(page, "Your comment has been updated.")
    expect(page.locator(".comment-text")).to_have_text("Better said")
    page.locator(".comment").get_by_role("link", name="Delete").click()
    agree(page)
    says(page, "The comment has been deleted.")
    expect(page.locator(".comment")).to_have_count(0)


def test_strangers_are_asked_to_log_in_to_comment_and_come_back(open_as, crowd, member):
    post = publish(crowd.david, "Come back.")
    page = open_as(path=f"/post/{post}")
    page.locator("#content").get_by_role("link", name="Log in").click()
    log_in(page, member("guest").email)
    expect(page).to_have_url(re.compile(f"/post/{post}$"))


def test_follow_and_unfollow(open_as, member):
    star, fan = member("star"), member("fan")
    page = open_as(fan, f"/user/{star.username}")
    page.get_by_role("button", name="Follow").click()
    says(page, f"You are now following {star.username}.")
    expect(page.get_by_role("link", name=re.compile("Followers"))).to_have_text(re.compile("1$"))
    page.goto(f"/followers/{star.username}")
    titled(page, f"Followers of {star.username}")
    expect(page.locator("tbody").get_by_role("link", name=fan.username)).to_be_visible()
    page.goto(f"/followed_by/{fan.username}")
    titled(page, f"Followed by {fan.username}")
    expect(page.locator("tbody").get_by_role("link", name=star.username)).to_be_visible()
    seen = open_as(star, f"/user/{fan.username}")
    expect(seen.get_by_text("Follows you")).to_be_visible()
    page.goto(f"/user/{star.username}")
    page.get_by_role("button", name="Unfollow").click()
    says(page, f"You are not following {star.username} anymore.")
    expect(page.get_by_role("button", name="Follow", exact=True)).to_be_visible()


def test_addresses_that_change_something_only_ask(open_as, member, crowd):
    """Decision 9: the sources' paths are kept, and nothing changes by opening them."""
    page = open_as(member("careful"), "/follow/susan")
    agree(page)
    says(page, "You are now following susan.")
    for path, sentence in (
        ("/follow/susan", "You are already following this user."),
        ("/unfollow/susan", "You are not following susan anymore."),
        ("/unfollow/susan", "You are not following this user."),
        ("/auth/logout", "You have been logged out."),
    ):
        page.goto(path)
        agree(page)
        says(page, sentence)
    for path in ("/follow/nobody.here", "/followers/nobody.here", "/followed_by/nobody.here"):
        log_in(page, crowd.susan.email)
        page.goto(path)
        says(page, "Invalid user.")
        log_out(page)


def test_the_tabs_of_the_home_page(open_as, member, crowd):
    reader = member("tabs")
    reader.put(f"/users/{crowd.david.id}/follow")
    publish(crowd.susan, "not of the followed")
    page = open_as(reader)
    expect(newest(page).locator(".post-author")).to_have_text("susan")
    page.get_by_role("button", name="Followed").click()
    expect(newest(page).locator(".post-author")).to_have_text("david")
    page.goto("/")
    expect(page.get_by_role("button", name="Followed")).to_have_attribute("aria-current", "true")
    expect(page.locator(".post-author", has_text="susan")).to_have_count(0)
    page.get_by_role("button", name="All").click()
    expect(newest(page).locator(".post-author")).to_have_text("susan")
    [kept] = [cookie for cookie in page.context.cookies() if cookie["name"] == "show_followed"] or [{}]
    assert kept.get("value", "") in ("", '""')


def test_disable_and_enable_a_comment(open_as, crowd):
    post = publish(crowd.david, "To be moderated.")
    rude = comment(crowd.susan, post, "Something rude")
    page = open_as(crowd.moderator, "/")
    page.get_by_role("link", name="Moderate Comments").click()
    titled(page, "Comment Moderation")
    entry = page.locator(f"#comment-{rude}")
    entry.get_by_role("button", name="Disable").click()
    expect(entry).to_contain_text("This comment has been disabled by a moderator.")
    expect(entry).to_contain_text("Something rude")
    reading = open_as(crowd.susan, f"/post/{post}")
    expect(reading.locator(".comment")).to_contain_text("This comment has been disabled by a moderator.")
    expect(reading.locator(".comment")).not_to_contain_text("Something rude")
    entry.get_by_role("button", name="Enable").click()
    expect(entry.get_by_role("button", name="Disable")).to_be_visible()
    entry.get_by_role("link", name="on this post").click()
    assert page.url.endswith(f"/post/{post}?page=1#comment-{rude}")
    expect(page.locator(f"#comment-{rude}")).to_be_in_viewport()
    reading.reload()
    expect(reading.locator(".comment")).to_contain_text("Something rude")


def test_pages_of_posts(open_as, crowd):
    page = open_as(path="/")
    expect(page.locator(".page-item.active")).to_have_text("1")
    page.get_by_role("link", name="Next page").click()
    expect(page.locator(".page-item.active")).to_have_text("2")
    page.get_by_role("link", name="Previous page").click()
    expect(page).to_have_url(re.compile(r"/(\?page=1)?$"))


def test_people_to_discover(open_as, crowd):
    page = open_as()
    page.get_by_role("link", name="Explore").click()
    page.locator(".person").get_by_role("link", name="susan").click()
    titled(page, "susan")
    expect(page.get_by_role("heading", name="Posts by susan")).to_be_visible()
