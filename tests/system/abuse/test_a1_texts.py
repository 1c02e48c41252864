"""A1: texts that are allowed and cost as much as they can: to render, to carry, to show."""

import time

import pytest

from chassis.testing.polling import eventually

from ..people import Person
from .fuzzing import MOST_GROWTH, growth, memory
from .site import Site, told
from .tokens import Mint

SIZE = 64 * 1024
LONG_HREF = f"<a href='http://x/{'A' * (SIZE // 2)}'>"
COSTLY = {
    "colons and slashes": "://",
    "schemes": "http:// ",
    "schemes that are none": "x://a ",
    "addresses that open a bracket": "http://a/(",
    "addresses that open a brace": "https://a/{",
    "images": "![",
    "labels": "[[a]",
    "references": "[a][",
    "lists": "\n- x",
    "quotes": ">" * 50 + "\n",
    "emphasis": "*a **b",
    "half tags": "<a ",
    "comments": "<!--",
    "backticks": "".join("`" * number + " " for number in range(1, 200)),
}
GROWING = {
    "an address in every paragraph": LONG_HREF + "<p>x" * SIZE,
    "thousands of open elements": "<div>" + "".join(f"<b {n}>" for n in range(4000)) + "<p>x" * SIZE,
    "open elements, Markdown": f"x <font x='{'A' * 4000}'>\n\n" + "- x\n" * SIZE,
    "thousands of addresses": "a.com " * SIZE,
    "ampersands": "&" * SIZE,
}
CRASHING = ("localhost[http://|x://ann", "http[//a.b://c", "ftp[ http[https://a://b]", "https[//\\://x](y)")
SLOWEST = 20.0  # seconds, on a machine that may be busy; before they were bounded, the first ones took longer

MANY = "&".join(f"f{number}" for number in range(100_000))


@pytest.fixture
def writer(fuzzed: Site) -> Person:
    """With a token that is made here: on this blog so many have guessed that nobody can sign in."""
    person = fuzzed.blog.newcomer("writer")
    person.token = Mint(fuzzed, person.id, person.username).good()
    return person


def doors(site: Site) -> list[str]:
    return [f"http://127.0.0.1:{site.doors[door]}/api/v1" for door in ("gateway", "posts")]


def test_no_text_is_long_in_rendering(fuzzed, writer):
    """At the services' own door alone: the gateway waits five seconds, and nobody's post may take them."""
    at, slow = doors(fuzzed)[1], []
    for name, unit in COSTLY.items():
        began = time.monotonic()
        answer = writer.ask("POST", f"{at}/preview", json={"body": (unit * SIZE)[:SIZE]})
        took = time.monotonic() - began
        assert answer.status_code in (200, 400), name
        slow += [f"{name}: {took:.0f} s"] if took > SLOWEST else []
    told("A1", fuzzed.kind, "texts of 64 kB that cost as much as they can: longer than allowed", len(COSTLY),
         len(slow))  # fmt: skip
    assert slow == []


def test_no_text_becomes_many_times_as_long(fuzzed, writer):
    before = memory(fuzzed)
    for at in doors(fuzzed):
        for name, body in GROWING.items():
            for path, size in (("/posts/", SIZE), ("/preview", SIZE), ("/posts/1/comments/", SIZE // 8)):
                answer = writer.ask("POST", f"{at}{path}", json={"body": body[:size]})
                assert answer.status_code in (200, 201, 400, 404), (name, path)
                assert len(answer.content) < 10 * SIZE, (name, path)
    grown = growth(fuzzed, before)
    told("A1", fuzzed.kind, "texts that grow when they are mended: longer than allowed", len(GROWING) * 6, 0,
         f"memory +{grown:.0f} MB")  # fmt: skip
    assert grown < MOST_GROWTH


@pytest.mark.parametrize("body", CRASHING)
def test_half_addresses_are_no_error_of_ours(fuzzed, writer, body):
    for at in doors(fuzzed):
        assert writer.ask("POST", f"{at}/posts/", json={"body": body}).status_code == 201
    assert fuzzed.unexpected() == []


def test_a_page_of_the_largest_posts_is_shown_and_reaches_the_timeline(fuzzed, writer):
    """Quotes are twice as long in JSON; with HTML as long as may be."""
    bodies = ['"' * 40_000 + "a.com " * 3000, "\\" * SIZE, "a.com " * 3500, "<" * (SIZE - 10)]
    for number in range(20):
        answer = writer.post("/posts/", body=bodies[number % len(bodies)])
        assert answer.status_code == 201, answer.text[:300]
    for at in doors(fuzzed):
        assert len(writer.ask("GET", f"{at}/posts/").json()["posts"]) == 20
    page = writer.ask("GET", f"{fuzzed.blog.url}/user/{writer.username}", headers={"Accept": "text/html"})
    assert page.status_code == 200
    eventually(lambda: len(writer.timeline()) == 20, 60)
    for _ in range(20):
        writer.post("/posts/", body="small again")  # others read this blog too


def test_a_form_of_a_hundred_thousand_fields_is_answered_with_a_short_page(fuzzed):
    """A form that nobody knows is shown again to be sent again, whoever sent it; not all that it may hold."""
    own = {"Origin": fuzzed.blog.stack.public_url, "Accept": "text/html"}
    for door in ("gateway", "web"):
        for path in ("/", "/auth/reset", "/preview"):
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = fuzzed.blog.stranger().ask(
                "POST", f"http://127.0.0.1:{fuzzed.doors[door]}{path}", data=MANY, headers=own | kind
            )
            assert answer.status_code in (400, 403, 413), (door, path)
            assert len(answer.content) < SIZE, (door, path)
