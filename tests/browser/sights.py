"""Every page there is to see, and who sees it."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

from tests.system.people import PASSWORD

from .crowd import LONG_NAME, Crowd


def sent(page: Page) -> None:
    """An empty form is sent, so that it says what it misses."""
    page.locator("main form").first.get_by_role("button").last.click()
    page.locator(".invalid-feedback").first.wait_for()


def forged(page: Page) -> None:
    page.get_by_label("What's on your mind?").fill("A text that must *not* be lost.")
    page.locator("#post-form [name=csrf_token]").evaluate("field => field.value = 'forged'")
    page.get_by_role("button", name="Submit").click()
    page.locator("#kept-form").wait_for()


def registered_late(page: Page) -> None:
    for name, text in {"email": "late@example.com", "username": "late", "password": PASSWORD}.items():
        page.locator(f"main [name={name}]").fill(text)
    page.locator("#register-form [name=csrf_token]").evaluate("field => field.value = 'forged'")
    page.get_by_role("button", name="Register").click()
    page.locator("#kept-form").wait_for()


def previewed(page: Page) -> None:
    page.get_by_label("What's on your mind?").fill("## A preview\n\nof what *will* be sent.")
    page.locator(".preview h2 + .preview-body h2").wait_for()


def over_the_limit(page: Page) -> None:
    page.get_by_label("What's on your mind?").fill("too long " * 8000)
    page.locator(".editor-count.over").wait_for()
    page.locator(".preview-body p").wait_for()


def much_too_long(page: Page) -> None:
    """More than the gateway lets through."""
    page.locator("#body").evaluate("(area) => { area.value = ('x'.repeat(99) + '\\n').repeat(11_000); }")
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("heading", name="Too large").wait_for()


def with_menu(page: Page) -> None:
    page.locator("#account-menu summary").click()
    page.get_by_role("button", name="Log Out").wait_for()


def confirmed(page: Page) -> None:
    """The password was given once more."""
    page.locator("main [name=password]").fill(PASSWORD)
    page.locator("main [name=submit]").click()
    page.locator("#totp-form, #codes").wait_for()


def wrong_code(page: Page) -> None:
    confirmed(page)
    page.locator("main [name=code]").fill("nonsense")
    page.locator("main [name=submit]").click()
    page.locator("#code-error").wait_for()


def named(page: Page) -> None:
    page.locator("main [name=name]").fill("My phone " * 7)
    page.locator("main [name=password]").fill(PASSWORD)
    page.locator("main [name=submit]").click()
    page.locator("#passkey-form").wait_for()


def half_in(page: Page) -> None:
    page.locator("main [name=email]").fill("wary@example.com")
    page.locator("main [name=password]").fill(PASSWORD)
    page.locator("main [name=submit]").click()
    page.locator("#second-form").wait_for()


def half_in_with_a_wrong_code(page: Page) -> None:
    half_in(page)
    page.locator("main [name=otp]").fill("nonsense")
    page.locator("main [name=submit]").click()
    page.locator("#otp-error").wait_for()


@dataclass(frozen=True)
class Sight:
    """`path` may name posts and comments of the crowd; `then` is done before looking."""

    name: str
    path: str
    who: str = ""
    status: int = 200
    then: Callable[[Page], None] | None = None

    def address(self, crowd: Crowd) -> str:
        people = {name: getattr(crowd, name) for name in ("susan", "david", "wide")}
        return self.path.format(post=crowd.posts, comment=crowd.comments, **people)


STRANGERS = (
    Sight("home", "/"),
    Sight("home-last-page", "/?page=2"),
    Sight("home-beyond", "/?page=99"),
    Sight("explore", "/explore"),
    Sight("profile", "/user/susan"),
    Sight("profile-wide", f"/user/{LONG_NAME}"),
    Sight("followers", "/followers/susan"),
    Sight("followed-by", "/followed_by/susan"),
    Sight("followers-none", "/followers/moderator"),
    Sight("post", "/post/{post[rich]}"),
    Sight("post-quiet", "/post/{post[plain]}"),
    Sight("post-huge", "/post/{post[huge]}"),
    Sight("post-wide", "/post/{post[wide]}"),
    Sight("post-rtl", "/post/{post[rtl]}"),
    Sight("login", "/auth/login"),
    Sight("login-refused", "/auth/login", then=sent),
    Sight("login-needed", "/edit-profile"),
    Sight("register", "/auth/register"),
    Sight("register-refused", "/auth/register", then=sent),
    Sight("register-kept", "/auth/register", then=registered_late),
    Sight("reset", "/auth/reset"),
    Sight("reset-link", "/auth/reset/not-a-token"),
    Sight("status", "/status"),
    Sight("error-404", "/nothing/here", status=404),
    Sight("error-405", "/preview", status=405),
    Sight("error-400", "/user/a%00b", status=400),
)
MEMBERS = (
    Sight("unconfirmed", "/auth/unconfirmed", "newbie"),
    Sight("member-home", "/", "susan"),
    Sight("member-home-preview", "/", "susan", then=previewed),
    Sight("member-home-too-long", "/", "susan", then=over_the_limit),
    Sight("member-menu", "/", "susan", then=with_menu),
    Sight("member-home-refused", "/", "susan", then=sent),
    Sight("own-profile", "/user/susan", "susan"),
    Sight("own-profile-empty", "/user/moderator", "moderator"),
    Sight("other-profile", "/user/susan", "david"),
    Sight("followed-profile", "/user/david", "susan"),
    Sight("member-post", "/post/{post[rich]}", "susan"),
    Sight("edit-post", "/edit/{post[rich]}", "susan"),
    Sight("delete-post", "/delete/{post[rich]}", "susan"),
    Sight("edit-comment", "/comment/{comment[rtl]}/edit", "susan"),
    Sight("edit-profile", "/edit-profile", "susan"),
    Sight("follow", "/follow/david", "moderator"),
    Sight("followed-tab", "/followed", "susan"),
    Sight("logout", "/auth/logout", "susan"),
    Sight("change-password", "/auth/change-password", "susan"),
    Sight("change-password-refused", "/auth/change-password", "susan", then=sent),
    Sight("change-email", "/auth/change-email", "susan"),
    Sight("sessions", "/auth/sessions", "susan"),
    Sight("remove-account", "/auth/remove-account", "susan"),
    Sight("remove-account-refused", "/auth/remove-account", "susan", then=sent),
    Sight("second-factor", "/auth/second-factor", "susan"),
    Sight("second-factor-on", "/auth/second-factor", "wary"),
    Sight("totp-password", "/auth/second-factor/totp", "susan"),
    Sight("totp", "/auth/second-factor/totp", "susan", then=confirmed),
    Sight("totp-refused", "/auth/second-factor/totp", "susan", then=wrong_code),
    Sight("recovery-codes", "/auth/second-factor/codes", "wary", then=confirmed),
    Sight("passkey-name", "/auth/second-factor/passkeys", "susan"),
    Sight("passkey", "/auth/second-factor/passkeys", "susan", then=named),
    Sight("log", "/auth/log", "susan"),
    Sight("second-step", "/auth/login", then=half_in),
    Sight("second-step-refused", "/auth/login", then=half_in_with_a_wrong_code),
    Sight("form-kept", "/", "susan", then=forged),
    Sight("error-413", "/", "susan", then=much_too_long),
    Sight("error-403", "/moderate", "susan", status=403),
)
STAFF = (
    Sight("moderate", "/moderate", "moderator"),
    Sight("disable-comment", "/moderate/disable/{comment[kind]}", "moderator"),
    Sight("admin-home", "/", "john"),
    Sight("admin-log", "/auth/log/all", "john"),
    Sight("admin-log-none", "/auth/log/all?user=nobody", "john"),
    Sight("admin-profile", "/user/susan", "john"),
    Sight("admin-edit-profile", "/edit-profile/{susan.id}", "john"),
    Sight("admin-remove-account", "/remove-account/{susan.id}", "john"),
    Sight("admin-post", "/post/{post[rich]}", "john"),
)
SIGHTS = (*STRANGERS, *MEMBERS, *STAFF)
