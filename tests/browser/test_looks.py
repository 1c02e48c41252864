"""What pages look like: for eyes, for screen readers, on small screens, and to a strict parser.

`SCREENSHOTS=folder` writes a picture of everything that is looked at here (`make screenshots`).
"""

import html5lib
import pytest
from playwright.sync_api import Page, expect

from .crowd import Crowd
from .desk import Desk
from .looks import flaws
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
