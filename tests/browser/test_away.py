"""When a service is away, a page still comes, with a sentence in place of what is missing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from chassis.testing.polling import eventually
from deploy.local.stack import Stack
from tests.system.blogs import ENVIRONMENT, free_block
from tests.system.people import Blog, Person

from .crowd import publish, register
from .desk import Desk
from .looks import flaws
from .steps import log_in, newest, send, titled
from .watch import Watch


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blog]:
    """A blog whose services may be stopped."""
    with Stack(free_block(), tmp_path_factory.mktemp("fragile"), ENVIRONMENT) as running:
        yield Blog(running)


@pytest.fixture(scope="module")
def ann(fragile: Blog) -> Person:
    return register(fragile, "ann")


@pytest.fixture(scope="module")
def bob(fragile: Blog, ann: Person) -> Person:
    bob = register(fragile, "bob")
    bob.put(f"/users/{ann.id}/follow")
    publish(bob, "Before the storm.")
    return bob


@pytest.fixture
def reading(chromium, fragile: Blog, ann: Person, bob: Person) -> Iterator[Page]:
    """Bob's browser, logged in while all was well."""
    address = fragile.stack.public_url
    desk = Desk(chromium, address, Watch(address), {})
    page = desk.open("/", bob)
    eventually(lambda: page.reload() and page.locator(".post").count(), every=0.2)  # all is well, everywhere
    yield page
    desk.close()
    fragile.stack.start()
    fragile.stack.ready()
    assert desk.watch.troubles == []


def away(page: Page, path: str, *sentences: str, status: int = 200) -> None:
    answer = page.goto(path)
    assert answer.status == status
    for sentence in sentences:
        expect(page.locator("main")).to_contain_text(sentence)
    assert flaws(page, f"away{path.replace('/', '-')}") == []


def test_news_that_does_not_arrive_is_said(reading: Page, fragile: Blog):
    fragile.stack.stop("auth-worker")
    with closing(sqlite3.connect(fragile.stack.data / "posts.sqlite", timeout=10)) as posts:

        def told() -> int:
            """News that was on its way when its sender ended may still come: it is made old again."""
            posts.execute("UPDATE freshness SET as_of = '2026-01-01 00:00:00.000000'")
            posts.commit()
            reading.reload()
            return reading.locator("#late").count()

        eventually(told, within=60, every=0.2)
    away(reading, "/", "The newest may be missing here", "has not arrived for about")
    reading.get_by_role("link", name="How the site is doing").click()
    expect(reading.locator("main")).to_contain_text("Works, but news has not arrived for about")
    assert flaws(reading, "status-behind") == []
    fragile.stack.stop("social", "social-worker")
    eventually(lambda: reading.goto("/status") and reading.locator(".state-away").count(), every=0.5)
    assert flaws(reading, "status-away") == []


def test_social_is_away(reading: Page, fragile: Blog):
    fragile.stack.stop("social", "social-worker")
    away(reading, "/user/ann", "Followers are not available right now.", "Posts by ann")
    away(reading, "/followers/ann", "Followers are not available right now.")
    reading.goto("/followed")
    reading.locator("#confirm-form button").click()
    expect(reading.locator("main")).to_contain_text("Timelines are not available right now.")
    send(reading, body="Posting *works*")
    reading.get_by_role("button", name="All").click()
    expect(newest(reading).locator("em")).to_have_text("works")


def test_posts_is_away(reading: Page, fragile: Blog):
    reading.goto("/")
    fragile.stack.stop("posts", "posts-worker")
    send(reading, body="Not *lost*")
    expect(reading.locator("[name=body]")).to_have_value("Not *lost*")
    assert reading.locator(".invalid-feedback, [role=alert]").first.inner_text()
    away(reading, "/", "Posts are not available right now.")
    away(reading, "/user/ann", "Posts are not available right now.", "Followers:")
    away(reading, "/post/1", "not available", status=503)
    away(reading, "/explore", "ann")


def test_auth_is_away(reading: Page, fragile: Blog):
    fragile.stack.stop("auth", "auth-worker")
    away(reading, "/", "Before the storm.")
    titled(reading, "Hello, bob!")
    away(reading, "/post/1", "Before the storm.")
    away(reading, "/explore", "People are not available right now.")
    away(reading, "/auth/sessions", "Sessions are not available right now.")
    send_login(reading)


def send_login(page: Page) -> None:
    page.context.clear_cookies()
    page.goto("/auth/login")
    send(page, email="bob@example.com", password="whatever it is")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator("#email")).to_have_value("bob@example.com")


def test_web_is_away(reading: Page, fragile: Blog):
    fragile.stack.stop("web")
    away_page = reading.goto("/")
    assert away_page.status == 503
    assert "Retry-After".lower() in away_page.headers
    expect(reading.locator("body")).to_contain_text("available")


def test_too_many_wrong_passwords_are_slowed_down(reading: Page):
    """Here, because from then on nobody at this address may guess any more."""
    reading.context.clear_cookies()
    for _ in range(11):
        log_in(reading, "ann@example.com", "a wrong guess")
        expect(reading.get_by_role("alert")).to_be_visible()
    expect(reading.get_by_role("alert")).to_contain_text("Too many wrong passwords.")
    expect(reading.locator("#email")).to_have_value("ann@example.com")
