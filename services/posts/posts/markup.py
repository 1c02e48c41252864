"""Markdown to the HTML that readers get: rendered first, then sanitised with an allow-list (POST-17 to
POST-19, COM-02).
"""

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt

from . import addresses

INLINE = {"a", "abbr", "acronym", "b", "code", "em", "i", "strong"}
BLOCK = {"blockquote", "h1", "h2", "h3", "li", "ol", "p", "pre", "ul"}
ATTRIBUTES = {"a": {"href", "title"}, "abbr": {"title"}, "acronym": {"title"}}
GONE_WITH_CONTENT = {"script", "style"}
SCHEMES = {"http", "https", "mailto"}
REL = "nofollow noopener noreferrer"


@lru_cache(1)
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": True})
    addresses.link(markdown)
    return markdown


def _render(body: str, tags: set[str]) -> str:
    html = nh3.clean(
        _markdown().render(body),
        tags=tags,
        attributes=ATTRIBUTES,
        clean_content_tags=GONE_WITH_CONTENT,
        url_schemes=SCHEMES,
        link_rel=REL,
    )
    return html.strip()


def post(body: str) -> str:
    return _render(body, INLINE | BLOCK)


def comment(body: str) -> str:
    return _render(body, INLINE)
