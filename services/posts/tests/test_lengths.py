"""The largest texts fit where they go, whatever they are made of."""

import pytest

from chassis.events import LARGEST
from chassis.settings import settings
from chassis.wire import ANSWER_LIMIT

from .states import USER

ALL = "/api/v1/posts/"
SIZES = [64 * 1024 * 7**step // 8**step for step in range(13)]
TITLED = "[a]: /x '{}'\n\n{}"
UNITS = (
    *('"', "\\", "x\u2028", "\x7f", "<", "&", "x\t", "\n\nx", "a.com ", "&#1;"),
    *("<div>&#1;</div>", "<abbr title='\"\\&#1;'>\"</abbr>", '[a](/ "\\\\&quot;&#12;") '),
)
MADE_OF_CONTROLS = (
    TITLED.format("\x01" * 3000, "[a] " * 71 + "\n\n" + "\x01" * 38500),
    TITLED.format("\x01" * 1000, "[a] " * 240),
    TITLED.format("&#12;" * 1000, "[a] " * 240),
)


def largest(ann, unit):
    """Publishes about as much of this as is taken."""
    texts = ({"body": unit * (size // len(unit.encode()))} for size in SIZES)
    assert any(ann.post(ALL, json=text).status_code == 201 for text in texts)


def check(posts, ann):
    [event] = posts.outbox()
    assert len(event.to_json()) < LARGEST
    with posts.app.app_context():
        assert len(ann.get(ALL).data) * settings.posts_per_page < ANSWER_LIMIT


@pytest.mark.parametrize("unit", UNITS)
def test_a_largest_post_fits_in_an_event_and_twenty_fit_on_a_page(posts, unit):
    ann = posts.as_("ann", USER)
    largest(ann, unit)
    check(posts, ann)


@pytest.mark.parametrize("body", MADE_OF_CONTROLS, ids=["raw", "short", "named"])
def test_what_json_writes_six_times_as_long_is_refused_or_written_otherwise(posts, body):
    ann = posts.as_("ann", USER)
    if ann.post(ALL, json={"body": body}).status_code == 201:
        check(posts, ann)


@pytest.mark.parametrize("control", [chr(code) for code in range(32) if chr(code) not in "\t\n\r"], ids=ord)
def test_a_control_character_is_refused_in_a_text_and_never_shown(posts, control):
    ann, named = posts.as_("ann", USER), f"&#{ord(control)};"
    texts = f"{named} <b title='{named}'>{named}</b>\n\n<p title='{named}'>{named}</p>"
    ann.post(ALL, json={"body": "x"})
    for path in (ALL, f"{ALL}1/comments/", "/api/v1/preview"):
        refused = ann.post(path, json={"body": f"a{control}b"})
        assert refused.status_code == 400
        assert refused.json["message"] == "body contains a character that is not allowed"
        assert control not in ann.post(path, json={"body": texts}).json["body_html"]
