"""What pages look like: for eyes, for screen readers, on small screens, and to a strict parser.

`SCREENSHOTS=folder` writes a picture of everything that is looked at here (`make screenshots`).
"""

import re

import html5lib
import pytest
from playwright.sync_api import Page, expect

from .crowd import LONG_NAME, Crowd
from .desk import NARROW, Desk
from .looks import flaws, too_wide
from .sights import SIGHTS, Sight


@pytest.mark.parametrize("sight", SIGHTS, ids=lambda sight: sight.name)
def test_a_page_suits_everybody(desk: Desk, crowd: Crowd, sight: Sight):
    """axe finds nothing, nothing is wider than the screen, and the HTML has no mistake."""
    assert flaws(seen(desk, crowd, sight), sight.name) == []


def seen(desk: Desk, crowd: Crowd, sight: Sight) -> Page:
    page = desk.open("about:blank", getattr(crowd, sight.who) if sight.who else None)
    answer = page.goto(sight.address(crowd))
    assert answer is not None
    assert answer.status == sight.status
    html5lib.HTMLParser(strict=True).parse(answer.body())
    if sight.then:
        sight.then(page)
    return page


def test_the_api_documentation_stays_at_home_too(desk: Desk):
    """Its look is Swagger UI's own; what it may load is ours to say."""
    page = desk.open("/api/docs")
    expect(page.get_by_text("/api/v1/posts/", exact=True).first).to_be_visible()


TWICE = "() => document.documentElement.style.setProperty('font-size', '200%')"
LINES = "(link) => link.getBoundingClientRect().height / parseFloat(getComputedStyle(link).lineHeight)"
COLOURS = "() => { const look = getComputedStyle(document.body); return [look.color, look.backgroundColor]; }"


@pytest.mark.parametrize("path", ["/", "/followers/susan", "/user/susan", "/moderate", "/auth/sessions"])
def test_a_page_bears_twice_the_text_on_a_telephone(desk: Desk, crowd: Crowd, path: str):
    page = desk.open(path, crowd.moderator, viewport=NARROW | {"width": 360})
    page.evaluate(TWICE)
    assert too_wide(page) == []
    skip = page.locator(".skip-link").bounding_box()
    assert skip["y"] + skip["height"] <= 0
    for name in page.locator(".tab, .person-cell a:not([aria-hidden])").all():
        if name.inner_text() != LONG_NAME:
            assert name.evaluate(LINES) < 2.5, f"{name.inner_text()} is broken into pieces"


def test_paper_has_light_colours_and_nothing_to_press(desk: Desk, crowd: Crowd):
    page = desk.open(f"/post/{crowd.posts['rich']}", crowd.john, color_scheme="light")
    light = page.evaluate(COLOURS)
    page.get_by_role("button", name="Colours").click()
    assert page.evaluate(COLOURS) != light
    page.emulate_media(media="print")
    assert page.evaluate(COLOURS) == light
    for pressed in page.locator(
        "button, input:not([type=hidden]), textarea, .label, .page-link, nav a"
    ).all():
        expect(pressed).to_be_hidden()


def test_on_paper_nothing_is_folded(desk: Desk, crowd: Crowd):
    page = desk.open("/")
    folded = page.locator(".folded").first
    height = "(node) => [node.clientHeight, node.scrollHeight]"
    seen, whole = folded.evaluate(height)
    assert seen < whole
    page.emulate_media(media="print")
    seen, whole = folded.evaluate(height)
    assert seen == whole


def test_what_colours_say_is_said_by_lines_to_who_has_colours_of_their_own(desk: Desk, crowd: Crowd):
    page = desk.open("/", crowd.john, forced_colors="active")
    outline = "(node) => getComputedStyle(node).outlineStyle"
    assert page.locator(".nav-links a[aria-current]").evaluate(outline) == "solid"
    assert page.locator(".active > .page-link").evaluate(outline) == "solid"
    edge = "(node) => getComputedStyle(node).borderBottomColor"
    chosen, other = (page.locator(tab).evaluate(edge) for tab in (".tab.active", ".tab:not(.active)"))
    assert chosen != other
    page.goto(f"/edit-profile/{crowd.susan.id}")
    ticked = page.locator("#confirmed")
    assert ticked.evaluate("(node) => getComputedStyle(node).appearance") == "auto"


def test_the_place_of_a_picture_that_does_not_come_stays_plain(desk: Desk, crowd: Crowd):
    page = desk.open("about:blank", crowd.susan)
    page.route("**/avatar/**", lambda route: route.abort())
    page.goto("/explore")
    for picture in page.locator("img.avatar").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_attribute("src", re.compile("^data:"))
