"""Identicons."""

import re
from xml.etree import ElementTree

import pytest

HASH = "0bc83cb571cd1c50ba6f3e8a78ef1346"  # pragma: allowlist secret


def picture(auth, path):
    return auth.anonymous().get(f"/avatar/{path}")


def test_a_picture_is_the_same_every_time_and_different_for_others(auth):
    one, again = picture(auth, f"{HASH}.svg"), picture(auth, f"{HASH}.svg")
    other = picture(auth, f"{HASH[::-1]}.svg")
    assert (one.status_code, one.mimetype) == (200, "image/svg+xml")
    assert one.data == again.data != other.data
    assert ElementTree.fromstring(one.text).tag.endswith("svg")


def test_a_picture_is_the_same_left_and_right(auth):
    svg = picture(auth, f"{HASH}.svg").text
    cells = {tuple(map(int, found)) for found in re.findall(r'<rect x="(\d)" y="(\d)"', svg)}
    assert cells
    assert {(4 - x, y) for x, y in cells} == cells


def test_a_picture_may_be_kept_for_long_and_runs_nothing(auth):
    answer = picture(auth, f"{HASH}.svg")
    age = re.search(r"max-age=(\d+)", answer.headers["Cache-Control"])
    assert int(age[1]) >= 24 * 3600
    assert "public" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'"
    assert "script" not in answer.text
    assert "href" not in answer.text


@pytest.mark.parametrize(
    ("asked", "width"),
    [
        ("", 100),
        ("?s=256", 256),
        ("?s=1", 16),
        ("?s=99999", 512),
        ("?s=x", 100),
        ("?s=", 100),
        ("?s=2_56", 100),
        ("?s=%2B64", 100),
    ],
)
def test_its_size(auth, asked, width):
    svg = ElementTree.fromstring(picture(auth, f"{HASH}.svg{asked}").text)
    assert (svg.get("width"), svg.get("height")) == (str(width), str(width))


@pytest.mark.parametrize("path", ["x.svg", "ABCDEF.svg", f"{'a' * 65}.svg", ".svg", HASH, "%3Cscript%3E.svg"])
def test_what_has_no_picture(auth, path):
    assert picture(auth, path).status_code == 404
