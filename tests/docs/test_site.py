"""The documentation is built strictly, with nothing from elsewhere, and its pages hold together."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from deploy.docs.house import PACKAGES, Package
from deploy.local.stack import ROOT
from web import app as web

IMAGES = ROOT / "docs/images"


class Links(HTMLParser):
    """What a page loads, where it leads, and the places in it."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.leads, self.ids = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids |= {given["id"]} if "id" in given else set()
        if tag == "a" and "href" in given:
            self.leads.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical", "next", "prev"):
            self.loads.append(given["href"])
        elif "src" in given:
            self.loads.append(given["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    words = ["-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    # No proxy leads anywhere, so whatever would be fetched fails.
    away = {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=os.environ | away, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path: Links(path.read_text()) for path in site.rglob("*.html") if path.name != "404.html"}


def test_the_three_readers_find_their_pages(site):
    for page in ("use/people", "use/api", "use/python", "run/with-docker", "runbooks/index", "change/house"):
        assert (site / f"{page}.html").exists()


def test_no_page_loads_anything_from_elsewhere(pages):
    assert [at for page in pages.values() for at in page.loads if urlsplit(at).netloc] == []


def test_every_link_leads_somewhere(site, pages):
    for path, page in pages.items():
        for link in (unquote(link) for link in page.leads if not urlsplit(link).netloc):
            at, _, part = link.partition("#")
            target = (path.parent / at).resolve() if at else path
            target = target / "index.html" if target.is_dir() else target
            assert target.exists(), f"{path.relative_to(site)} leads to {link}"
            assert not part or part in pages[target].ids or part == "__top", (
                f"{path.relative_to(site)}: {link}"
            )


@pytest.mark.parametrize("name", PACKAGES)
def test_the_picture_shows_every_room_and_what_it_imports(site, name):
    drawing, package = (site / "change/house.svg").read_text(), Package.of(name)
    [card] = re.findall(rf'<g id="{name}".*?</g>', drawing, re.S)
    arrows = set(re.findall(r"<title>(\w+) imports (\w+)</title>", card))
    assert set(re.findall(r'"middle">(\w+)</text>', card)) == set(package.rooms)
    assert arrows <= package.arrows
    for user, used in package.arrows:  # an arrow, or several in a row
        assert reaches(arrows, user, used), f"{name}.{user} imports {name}.{used}"


def reaches(arrows, start, end):
    found, news = set(), {start}
    while news:
        found |= news
        news = {to for at, to in arrows if at in news} - found
    return end in found


def test_pictures_are_small():
    for path in IMAGES.iterdir():
        assert path.stat().st_size <= 250_000, path


def test_the_pages_that_people_are_sent_to_are_there():
    """`/account` never was."""
    there = {rule.rule for rule in web.create_app(web.Settings(environment="testing")).url_map.iter_rules()}
    named = set(re.findall(r"`(/[\w/-]*)`", (ROOT / "docs/use/people.md").read_text()))
    assert named
    assert named <= there
