"""What people do on pages, step by step, as they would say it."""

from playwright.sync_api import Locator, Page, expect

from tests.system.people import PASSWORD


def says(page: Page, sentence: str) -> None:
    """A flash message, which is not there any more when the page is opened again."""
    expect(page.locator("#flashes, #comments + [role=status]").filter(has_text=sentence)).to_be_visible()


def titled(page: Page, heading: str) -> None:
    expect(page.get_by_role("heading", level=1).first).to_have_text(heading)


def fill(page: Page, **fields: str) -> None:
    for name, text in fields.items():
        page.locator(f"main [name={name}]").fill(text)


def send(page: Page, **fields: str) -> None:
    """Fills in the form of a page and presses its button."""
    fill(page, **fields)
    page.locator("main [name=submit]").click()


def log_in(page: Page, email: str, password: str = PASSWORD) -> None:
    if "/auth/login" not in page.url:
        page.goto("/auth/login")
    send(page, email=email, password=password)


def log_out(page: Page) -> None:
    page.locator("#account-menu summary").click()
    page.get_by_role("button", name="Log Out").click()


def agree(page: Page) -> None:
    """Presses the one button of a page that asks."""
    page.locator("#confirm-form button").click()


def newest(page: Page) -> Locator:
    return page.locator(".post").first


def complaint(page: Page, field: str) -> Locator:
    """The sentence at a form's field."""
    return page.locator(f"#{field}-error")
