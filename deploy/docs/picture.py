"""`make picture`: the front page of a running blog, as a reader sees it, small enough for a README."""

import sys
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

from ..local.parts import browser

SIZE: ViewportSize = {"width": 1000, "height": 720}
LARGEST = 250_000  # bytes


def take(url: str, path: Path) -> None:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        page = running.new_page(viewport=SIZE, color_scheme="light")
        page.goto(url, wait_until="networkidle")
        page.screenshot(path=path)
        running.close()
    if path.stat().st_size > LARGEST:
        sys.exit(f"{path} has {path.stat().st_size} bytes; more than {LARGEST} are too many for a README.")


if __name__ == "__main__":
    take(sys.argv[1], Path(sys.argv[2]))
