"""Everything a person can do, once with JavaScript and once without."""

import re

import pytest
from playwright.sync_api import expect

from chassis.testing.polling import eventually
from tests.system.people import PASSWORD

from .crowd import ADMINISTRATOR, comment, publish, session_of
from .steps import agree, complaint, fill, log_in, log_out, newest, says, send, titled

BETTER = "an even better one"
YEAR = 365 * 24 * 3600


def test_admin_home_page(open_as, crowd):
    """The book's browser scenario."""
    page = open_as()
    titled(page, "Hello, Stranger!")
    page.get_by_role("link", name="Log In", exact=True).click()
    titled(page, "Login")
    send(page, email=ADMINISTRATOR, password=PASSWORD)
    titled(page, "Hello, john!")
    page.get_by_role("link", name="Profile").click()
    titled(page, "john")


def test_register_and_login(open_as, site, scripts):
    """The book's new user, with the link from the mail."""
    name = f"newcomer.{'scripts' if scripts else 'plain'}"
    address = f"{name}@example.com"
    page = open_as(path="/auth/login")
    page.get_by_role("link", name="Click here to register").click()
    send(page, email=address, username=name, password=PASSWORD, password2=PASSWORD)
    says(page, "A confirmation email has been sent to you by email.")
    log_in(page, address)
    titled(page, f"Hello, {name}!")
    expect(page.get_by_text("You have not confirmed your account yet")).to_be_visible()
    page.goto(f"/auth/confirm/{site.mail(address, 'confirm')}")
    agree(page)
    says(page, "You have confirmed your account")
    titled(page, f"Hello, {name}!")
    log_out(page)
    says(page, "You have been logged out")
    page.reload()
    expect(page.locator("#flashes")).to_be_empty()
    titled(page, "Hello, Stranger!")


def test_a_new_confirmation_mail(open_as, site):
    newcomer = site.newcomer("late")
    old = site.mail(newcomer.email, "confirm")
    page = open_as(newcomer, "/explore")
    assert page.url.endswith("/auth/unconfirmed")
    page.get_by_role("button", name="Send it again").click()
    says(page, "A new confirmation email has been sent to you by email.")
    new = eventually(lambda: (token := site.mail(newcomer.email, "confirm")) != old and token)
    page.goto(f"/auth/confirm/{old}")
    agree(page)
    says(page, "The confirmation link is invalid or has expired.")
    page.goto(f"/auth/confirm/{new}")
    agree(page)
    says(page, "You have confirmed your account")


def test_a_link_from_the_mail_leads_through_the_login(open_as, site):
    newcomer = site.newcomer("reader")
    page = open_as(path=f"/auth/confirm/{site.mail(newcomer.email, 'confirm')}")
    says(page, "Please log in to access this page.")
    log_in(page, newcomer.email)
    agree(page)
    says(page, "You have confirmed your account")


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


def test_edit_ones_own_profile(open_as, member):
    person = member("self")
    page = open_as(person, f"/user/{person.username}")
    page.locator("#content").get_by_role("link", name="Edit Profile").click()
    send(page, name="Ann O'Nym", location="Łódź & more", about_me="<b>not bold</b>")
    says(page, "Your profile has been updated.")
    expect(page.locator(".profile")).to_contain_text("Ann O'Nym from Łódź & more")
    expect(page.locator(".about")).to_have_text("<b>not bold</b>")


def test_an_administrator_edits_somebodys_profile(open_as, member, crowd, scripts):
    person, renamed = member("other"), f"renamed.{scripts}"
    page = open_as(crowd.john, f"/user/{person.username}")
    expect(page.get_by_role("link", name=person.email)).to_be_visible()
    page.get_by_role("link", name="Edit Profile [Admin]").click()
    page.locator("#role").select_option(label="Moderator")
    send(page, username="susan", location="Moved")
    expect(complaint(page, "username")).to_be_visible()
    expect(page.locator("#location")).to_have_value("Moved")
    send(page, username=renamed)
    says(page, "The profile has been updated.")
    titled(page, renamed)
    assert crowd.john.get(f"/users/{person.id}/account").json()["role"]["name"] == "Moderator"
    titled(open_as(person, "/moderate"), "Comment Moderation")


def test_change_the_password(open_as, member):
    person = member("secret")
    page = open_as(person, "/auth/change-password")
    send(page, old_password="not this one", password=BETTER, password2=BETTER)
    expect(complaint(page, "old_password")).to_be_visible()
    assert BETTER not in page.content()
    send(page, old_password=PASSWORD, password=BETTER, password2=BETTER)
    says(page, "Your password has been updated.")
    titled(page, f"Hello, {person.username}!")
    assert session_of(person, BETTER)


def test_reset_a_forgotten_password_by_mail(open_as, member, site):
    person = member("forgetful")
    page = open_as(path="/auth/login")
    page.get_by_role("link", name="Click here to reset it").click()
    send(page, email=person.email)
    says(page, "An email with instructions to reset your password has been sent to you.")
    link = f"/auth/reset/{site.mail(person.email, 'reset')}"
    page.goto(link)
    send(page, password=BETTER, password2="something else")
    expect(complaint(page, "password")).to_have_text("Passwords must match.")
    send(page, password=BETTER, password2=BETTER)
    says(page, "Your password has been updated.")
    log_in(page, person.email, BETTER)
    titled(page, f"Hello, {person.username}!")
    log_out(page)
    page.goto(link)
    send(page, password=PASSWORD, password2=PASSWORD)
    says(page, "This link is invalid or has expired.")


def test_change_the_address(open_as, member, site):
    person = member("mover")
    fresh = f"new.{person.email}"
    page = open_as(person)
    page.locator("#account-menu summary").click()
    page.get_by_role("link", name="Change Email").click()
    send(page, email=fresh, password=PASSWORD)
    says(page, "An email with instructions to confirm your new email address has been sent to you.")
    page.goto(f"/auth/change-email/{site.mail(fresh, 'change-email')}")
    agree(page)
    says(page, "Your email address has been updated.")
    log_out(page)
    log_in(page, fresh)
    titled(page, f"Hello, {person.username}!")


def test_end_a_session_somewhere_else_and_then_all(open_as, member):
    person = member("everywhere")
    elsewhere = open_as(person, "/edit-profile")
    elsewhere.context.clear_cookies()
    log_in(elsewhere, person.email)
    page = open_as(person, "/auth/sessions")
    other = page.locator(".session", has_text="Browser").filter(has_not_text="This one")
    expect(other).to_have_count(1)
    other.get_by_role("button", name="Log out").click()
    says(page, "That session has ended.")
    expect(other).to_have_count(0)

    def ended():
        elsewhere.goto("/edit-profile")
        return "/auth/login" in elsewhere.url

    eventually(ended, within=3)
    page.get_by_role("button", name="Log out everywhere").click()
    says(page, "You have been logged out everywhere.")
    page.goto("/auth/sessions")
    assert "/auth/login" in page.url


def test_stay_logged_in_for_a_year_or_until_the_browser_ends(open_as, member):
    person, left = member("stayer"), {}
    for remember in (False, True):
        page = open_as(path="/auth/login")
        page.get_by_label("Keep me logged in").set_checked(remember)
        log_in(page, person.email)
        titled(page, f"Hello, {person.username}!")
        [cookie] = [one for one in page.context.cookies() if one["name"] == "session"]
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
        left[remember] = cookie["expires"] - page.evaluate("() => Date.now() / 1000")
    assert left[False] < 0
    assert left[True] == pytest.approx(YEAR, abs=120)


def test_the_way_back_after_the_login_survives_a_mistake(open_as, member):
    person = member("target")
    page = open_as(path="/edit-profile")
    says(page, "Please log in to access this page.")
    log_in(page, person.email, "not this one")
    expect(page.get_by_role("alert")).to_have_text("Invalid email or password.")
    expect(page.locator("#email")).to_have_value(person.email)
    expect(page.locator("#password")).to_have_value("")
    log_in(page, person.email)
    titled(page, "Edit Your Profile")


@pytest.mark.parametrize(
    "target", ["//example.com", "/\\example.com", "https://example.com/", "javascript:alert(1)", "/%0d//x"]
)
def test_the_way_back_never_leaves_this_site(desk, crowd, site, target):
    page = desk.open(f"/auth/login?next={target}")
    log_in(page, crowd.david.email)
    titled(page, "Hello, david!")
    assert page.url == f"{site.stack.public_url}/"


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
