"""Everything a person can do with an account, once with JavaScript and once without."""

import pytest
from playwright.sync_api import expect

from chassis.testing.polling import eventually
from tests.system.people import PASSWORD

from .crowd import ADMINISTRATOR, session_of
from .steps import agree, complaint, log_in, log_out, says, send, titled

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
