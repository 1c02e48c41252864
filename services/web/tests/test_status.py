"""How the site is doing: the status page, and the sentence on pages that are behind."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from chassis.bus import Delivery
from chassis.events import Event, iso, new_id, now
from chassis.inbox import receive
from web.showing import about

BEHIND = "The newest may be missing here"
SERVICES = {"auth": ("posts",), "posts": ("auth",), "social": ("auth", "posts")}


def heard(site, service, source, seconds_ago):
    """The service's copies of what the source says were right so long ago."""
    app, at = site.parts[service].app, iso(now() - timedelta(seconds=seconds_ago))
    event = Event(f"{source}.watermark.v1", source, 0, {"as_of": at}, f"/{source}", new_id(), at)
    receive(app, [Delivery(event.type, event.to_json())])
    afresh(site)


def afresh(site):
    """Nothing is known any more of a second ago."""
    site.app.extensions.pop("watch", None)
    for part in site.parts.values():
        part.app.extensions["ages"]._read_at = float("-inf")


@pytest.fixture
def fresh(site) -> Iterator[None]:
    """Everybody has heard of everybody just now, and nothing of it is left for other tests."""
    for service, sources in SERVICES.items():
        for source in sources:
            heard(site, service, source, 0)
    yield site
    for part in site.parts.values():
        with part.app.app_context():
            db = part.app.extensions["sqlalchemy"]
            db.session.execute(sa.delete(db.freshness))
            db.session.commit()
    afresh(site)


def long_ago(site, service, source, seconds_ago):
    """As `heard`, but further back than what is known: nothing has come since."""
    app = site.parts[service].app
    with app.app_context():
        db = app.extensions["sqlalchemy"]
        table, at = db.freshness, now() - timedelta(seconds=seconds_ago)
        db.session.execute(sa.update(table).where(table.c.source == source).values(as_of=at))
        db.session.commit()
    afresh(site)


def asked(site, accept="application/json"):
    return site.stranger().get("/status", headers={"Accept": accept})


def states(site):
    return {each["name"].split()[0]: each["state"] for each in asked(site).json["features"]}


def test_all_is_well(fresh):
    page = fresh.stranger().text("/status")
    assert "Everything works." in page
    assert "<title>Flasky - Status</title>" in page
    assert page.count(">Works<") == 3
    assert asked(fresh).json["status"] == "works"
    assert BEHIND not in fresh.stranger().text("/")


def test_the_footer_of_every_page_leads_there(fresh):
    assert '<a href="/status">Status</a>' in fresh.stranger().text("/")


@pytest.mark.parametrize(
    ("service", "word"), [("auth", "Signing"), ("posts", "Posts"), ("social", "Timelines")]
)
def test_a_service_that_is_away_is_said_and_the_rest_with_it(fresh, service, word):
    fresh.parts[service].stop()
    afresh(fresh)
    assert asked(fresh, "text/html").status_code == 200
    assert "Not available right now" in fresh.stranger().text("/status")
    assert states(fresh) == dict.fromkeys(("Signing", "Posts", "Timelines"), "works") | {word: "away"}
    assert asked(fresh).json["status"] == "away"


def test_the_page_comes_when_everything_is_away(fresh):
    for part in fresh.parts.values():
        part.stop()
    afresh(fresh)
    assert set(states(fresh).values()) == {"away"}


def test_what_is_behind_is_said_there_and_on_the_pages_made_of_it(fresh, ann):
    long_ago(fresh, "posts", "auth", 125)
    page = fresh.stranger().text("/status")
    assert "Works, but news has not arrived for about 2 minutes" in page
    assert states(fresh)["Posts"] == "behind"
    for browser in (fresh.stranger(), ann):
        told = browser.text("/")
        assert BEHIND in told
        assert "has not arrived for about 2 minutes" in told
    assert BEHIND not in fresh.stranger().text("/explore"), "auth's own people do not depend on posts' copy"


def test_an_unchanged_page_is_sent_again_when_it_is_behind_and_when_it_no_longer_is(fresh):
    usual = fresh.stranger().get("/").headers["ETag"]
    long_ago(fresh, "posts", "auth", 125)
    behind = fresh.stranger().get("/", headers={"If-None-Match": usual})
    assert (behind.status_code, BEHIND in behind.text) == (200, True)
    heard(fresh, "posts", "auth", 0)
    again = fresh.stranger().get("/", headers={"If-None-Match": behind.headers["ETag"]})
    assert (again.status_code, BEHIND in again.text, again.headers["ETag"]) == (200, False, usual)


def test_the_services_are_asked_once_in_a_few_seconds(fresh):
    first = asked(fresh).json
    fresh.parts["social"].stop()
    assert asked(fresh).json == first


def test_a_time_is_said_as_people_say_it():
    said = {seconds: about(seconds) for seconds in (31, 60, 95, 150, 3600, 5400, 90000, 200000)}
    assert said == {
        31: "less than a minute",
        60: "about 1 minute",
        95: "about 2 minutes",
        150: "about 2 minutes",
        3600: "about 60 minutes",
        5400: "about 2 hours",
        90000: "about 25 hours",
        200000: "about 2 days",
    }
