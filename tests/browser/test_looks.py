"""What pages look like: for eyes, for screen readers, on small screens, and to a strict parser.

`SCREENSHOTS=folder` writes a picture of everything that is looked at here (`make screenshots`).
"""

import os
from pathlib import Path

import html5lib
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from .conftest import NARROW, WIDE, Desk
from .crowd import Crowd
from .sights import SIGHTS, Sight

LOOKS = [(scheme, size) for size in (WIDE, NARROW) for scheme in ("light", "dark")]
TALLEST = 6000  # pixels of a picture
PICTURES = os.environ.get("SCREENSHOTS", "")
AXE = "() => axe.run({ resultTypes: ['violations'] }).then((found) => found.violations)"
BEYOND = """() => [...document.querySelectorAll("body *")]
    .filter((node) => node.getBoundingClientRect().right > innerWidth + 1 && !node.closest("pre"))
    .map((node) => node.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("sight", SIGHTS, ids=lambda sight: sight.name)
def test_a_page_suits_everybody(desk: Desk, crowd: Crowd, sight: Sight):
    """axe finds nothing, nothing is wider than the screen, and the HTML has no mistake."""
    page, wrong = seen(desk, crowd, sight), []
    for scheme, size in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        picture(page, f"{sight.name}-{scheme}-{size['width']}")
        wrong += [(scheme, size["width"], words) for words in complaints(page) + too_wide(page)]
    assert wrong == []


def seen(desk: Desk, crowd: Crowd, sight: Sight) -> Page:
    page = desk.open("about:blank", getattr(crowd, sight.who) if sight.who else None)
    answer = page.goto(sight.address(crowd))
    assert answer is not None
    assert answer.status == sight.status
    html5lib.HTMLParser(strict=True).parse(answer.body())
    if sight.then:
        sight.then(page)
    return page


def complaints(page: Page) -> list[str]:
    """What axe does not like, with where it is."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return [
        f"{found['id']}: {node['html'][:200]} ({node['failureSummary']})"
        for found in page.evaluate(AXE)
        for node in found["nodes"]
    ]


def too_wide(page: Page) -> list[str]:
    """What makes the page scroll sideways."""
    if page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"):
        return []
    return ["too wide", *page.evaluate(BEYOND)]


def picture(page: Page, name: str) -> None:
    if PICTURES:
        height = min(page.evaluate("() => document.documentElement.scrollHeight"), TALLEST)
        clip = {"x": 0, "y": 0, "width": page.viewport_size["width"], "height": height}
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True, clip=clip)
