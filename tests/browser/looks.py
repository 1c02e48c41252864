"""Looking at a page: what axe says, whether it scrolls sideways, and a picture of it."""

import os
from pathlib import Path

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from .desk import NARROW, WIDE

LOOKS = [(scheme, size) for size in (WIDE, NARROW) for scheme in ("light", "dark")]
TALLEST = 6000  # pixels of a picture
PICTURES = os.environ.get("SCREENSHOTS", "")
AXE = "() => axe.run({ resultTypes: ['violations'] }).then((found) => found.violations)"
BEYOND = """() => [...document.querySelectorAll("body *")]
    .filter((node) => node.getBoundingClientRect().right > innerWidth + 1 && !node.closest("pre"))
    .map((node) => node.outerHTML.slice(0, 200))"""


def flaws(page: Page, name: str) -> list[str]:
    """What is wrong with a page, light and dark, wide and narrow."""
    found = []
    for scheme, size in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        picture(page, f"{name}-{scheme}-{size['width']}")
        where = f"{name}, {scheme}, {size['width']} px"
        found += [f"{where}: {words}" for words in complaints(page) + too_wide(page)]
    return found


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
