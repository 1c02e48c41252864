"""Bare addresses in texts, found in a time that grows with the length of the text alone.

markdown-it's own rule looks through all text before each "://", and the patterns of linkify-it through all
that follows: 64 kB of `://` took 18 seconds, in which nobody else was answered.
"""

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from linkify_it import LinkifyIt
from markdown_it import MarkdownIt
from markdown_it.common.utils import isLinkClose, isLinkOpen
from markdown_it.rules_core import StateCore
from markdown_it.rules_core import linkify as in_texts
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.linkify import linkify
from markdown_it.token import Token

LONGEST = 2000  # characters; what is longer is no address that a browser would take
SCHEME = re.compile(r"(?:^|[^a-z0-9.+-])(?:https?|ftp)$", re.IGNORECASE)
SIGN = re.compile(r"\.\w|:|//")
NEAR = len("https") + 1  # characters before "://" that say whether there is a scheme
PART = 64  # tokens


class Addresses(LinkifyIt):
    """Looks at one word at a time: no address goes on after a space."""

    def pretest(self, text: str) -> bool:
        return bool(SIGN.search(text))

    def match_at_start(self, text: str) -> Any:
        found = super().match_at_start(text[: LONGEST + 1])
        return found if found and found.last_index <= LONGEST else None

    def test(self, text: str) -> bool:
        return any(super(Addresses, self).test(word[0]) for word in words(text))

    def match(self, text: str) -> list[Any]:
        links = []
        for word in words(text):
            for link in super().match(word[0]) or []:
                link.index += word.start()
                link.last_index += word.start()
                links.append(link)
        return links


def words(text: str) -> Iterator[re.Match[str]]:
    """Those that may hold an address. Most texts have none of its signs, and most words just end with one."""
    if SIGN.search(text):
        for word in re.finditer(r"\S+", text):
            if len(word[0]) <= LONGEST and SIGN.search(word[0]):
                yield word


def address(state: StateInline, silent: bool) -> bool:
    """markdown-it's rule, asked only where a scheme ends, and first with only that scheme before it.

    While the end of a label is looked for (silently) `pending` is not what stands before: the rule then takes
    something else for the scheme, goes backwards and raises an error.
    """
    pos = state.pos
    if silent or not state.src.startswith("://", pos):
        return False
    near = state.pending[-NEAR:]
    before = state.src[max(0, pos - len(near)) : pos]
    if before != near or not SCHEME.search(near):
        return False
    pending, state.pending = state.pending, near
    found = linkify(state, silent=True)
    state.pending, state.pos = pending, pos
    return found and linkify(state, silent=False)


def in_parts(state: StateCore) -> None:
    """markdown-it's rule, which copies all tokens of a paragraph for each text with an address in it: 64 kB
    of `a.com` in lines took 3 seconds. So it is given a few tokens at a time.
    """
    for inline in state.tokens:
        if inline.type == "inline" and inline.children and SIGN.search(inline.content):
            some = [Token("inline", "", 0, content="//", children=part) for part in parts(inline.children)]
            in_texts(SimpleNamespace(md=state.md, tokens=some))  # type: ignore[arg-type]
            inline.children = [token for part in reversed(some) for token in part.children or ()]


def parts(tokens: list[Token]) -> Iterator[list[Token]]:
    """From the last to the first. What the rule looks at together stays together: links, what is escaped."""
    end, links, raw_links = len(tokens), 0, 0
    for place in range(end - 1, 0, -1):
        token = tokens[place]
        if token.type in ("link_open", "link_close"):
            links -= token.nesting
        elif token.type == "html_inline" and not links:
            raw_links -= isLinkOpen(token.content) and raw_links > 0
            raw_links += isLinkClose(token.content)
        whole = not links and not raw_links and tokens[place - 1].type != "text_special"
        if whole and end - place >= PART:
            yield tokens[place:end]
            end = place
    yield tokens[:end]


def link(markdown: MarkdownIt) -> None:
    """Lets a Markdown renderer make links of bare addresses; e-mail addresses stay text."""
    markdown.options["linkify"] = True
    markdown.linkify = Addresses(options={"fuzzy_email": False})
    markdown.enable("linkify")
    markdown.core.ruler.at("linkify", in_parts)
    markdown.inline.ruler.at("linkify", address)
