"""Markdown to the HTML that readers get: rendered first, then sanitised with an allow-list."""

import re
from functools import lru_cache

import nh3
from markdown_it import MarkdownIt

from chassis.problems import Invalid

from . import addresses, labels
from .growth import Growth, repeated

INLINE = {"a", "abbr", "acronym", "b", "code", "em", "i", "strong"}
BLOCK = {"blockquote", "h1", "h2", "h3", "li", "ol", "p", "pre", "ul"}
ATTRIBUTES = {"a": {"href", "title"}, "abbr": {"title"}, "acronym": {"title"}}
GONE_WITH_CONTENT = {"script", "style"}
SCHEMES = {"http", "https", "mailto"}
REL = "nofollow noopener noreferrer"
# Bytes, at most twice as many in JSON: so a post's event stays below what the bus takes, and a page of posts
# below what services take.
LONGEST_HTML = 256 * 1024
# Each costs by itself, and once more for each quote around it; prose of this length has a tenth of them.
MOST_LINES = 10_000
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # six bytes in JSON; a text has none, but may name them
TOO_LONG = "becomes too long when it is shown: leave out some of its markup, and close what you open"
TOO_MANY = f"has too many lines: at most {MOST_LINES:,} are allowed"


@lru_cache(1)
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": True})
    addresses.link(markdown)
    labels.find(markdown)
    return markdown


def _render(body: str, tags: set[str]) -> str:
    """Raises `Invalid` for a text of very many lines, or that becomes many times as long."""
    if max(body.count("\n"), body.count("\r")) > MOST_LINES:
        raise _refused(TOO_MANY)
    markdown, seen = _markdown(), {}  # type: ignore[var-annotated]
    tokens = markdown.parse(body, seen)
    if "references" in seen and repeated(tokens, LONGEST_HTML) > LONGEST_HTML:
        raise _refused(TOO_LONG)
    # Markdown's own elements all end where they should.
    if "<" in body and Growth(tokens, LONGEST_HTML).total > LONGEST_HTML:
        raise _refused(TOO_LONG)
    html = nh3.clean(
        markdown.renderer.render(tokens, markdown.options, seen),
        tags=tags,
        attributes=ATTRIBUTES,
        clean_content_tags=GONE_WITH_CONTENT,
        url_schemes=SCHEMES,
        link_rel=REL,
    ).strip()
    if "&#" in body:  # most become this sign already, by Markdown's own rule
        html = CONTROL.sub("\N{REPLACEMENT CHARACTER}", html)
    if len(html.encode()) > LONGEST_HTML:
        raise _refused(TOO_LONG)
    return html


def _refused(why: str) -> Invalid:
    message = f"body {why}"
    return Invalid(message, errors=[{"field": "body", "message": message}])


def post(body: str) -> str:
    return _render(body, INLINE | BLOCK)


def comment(body: str) -> str:
    return _render(body, INLINE)
