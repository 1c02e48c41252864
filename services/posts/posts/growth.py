"""How much longer a text becomes, known before anything is rendered or mended.

Each use of a reference repeats its address and its title: from "[a]: /x 'ttt…'" and then `![a] ![a] …`,
64 kB in all, come two hundred megabytes, which are made even though no picture is left in the end.

What is still open where its block ends begins again in the next block (the HTML standard, "reconstruct
the active formatting elements"): from `<b 1><b 2>…` and then `<p><p>…`, 64 kB in all, come hundreds of
megabytes. So the open elements are followed through the text, as long as its HTML is plain enough to be
sure of them. In HTML that is not, none of them ever ends.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from markdown_it.common.html_re import HTML_TAG_RE
from markdown_it.common.utils import escapeHtml
from markdown_it.token import Token

FORMATTING = frozenset(
    ("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u")
)
PLAIN = FORMATTING | frozenset(
    ("abbr", "acronym", "blockquote", "br", "center", "cite", "dd", "del", "details", "div", "dl", "dt",
     "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "ins", "kbd", "li", "mark",
     "ol", "p", "pre", "q", "section", "span", "sub", "summary", "sup", "ul")
)  # fmt: skip
NAME = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)")
TEXT = re.compile(r"<(?![A-Za-z!/?])|<!--[^>]*-->")  # no tag, for Markdown and HTML alike
LONGEST_TAG = 4096  # a longer one is not plain
EACH = 64  # what an element costs besides its own characters
DEEPEST = 7  # the standard gives up after eight blocks: what is closed inside of them stays open


class Tag(NamedTuple):
    name: str
    closes: bool
    length: int


class Growth:
    """`total`: about so many characters are written again, and hardly more. It stops above `most`."""

    def __init__(self, tokens: Iterable[Token], most: int) -> None:
        self.total, self._plain, self._blocks = 0, True, 0
        self._open: list[tuple[Tag, int]] = []
        self._length = 0
        for tag in tags(tokens):
            self._meet(tag)
            if self.total > most:
                return

    def _meet(self, tag: Tag) -> None:
        self._plain = self._plain and tag.name in PLAIN
        if tag.closes and self._plain:
            self._end(tag.name)
        self.total += self._length
        if tag.name not in FORMATTING:
            self._blocks += not tag.closes
        elif not tag.closes:
            self._open.append((tag, self._blocks))
            self._length += tag.length + EACH

    def _end(self, name: str) -> None:
        for place in range(len(self._open) - 1, -1, -1):
            tag, blocks = self._open[place]
            if tag.name == name:
                if self._blocks - blocks <= DEEPEST:
                    self._length -= tag.length + EACH
                    del self._open[place]
                return


def repeated(tokens: list[Token], most: int) -> int:
    """Characters of all attributes as they are written, those of pictures too. It stops above `most`."""
    total, waiting = 0, [tokens]
    while waiting:
        for token in waiting.pop():
            if token.children:
                waiting.append(token.children)
            if token.attrs:
                total += attributes(token)
                if total > most:
                    return total
    return total


def attributes(token: Token) -> int:
    return sum(len(escapeHtml(str(value))) for value in token.attrs.values())


def tags(tokens: Iterable[Token]) -> Iterator[Tag]:
    """Those that people wrote, and those that Markdown makes."""
    for token in tokens:
        if token.type in ("html_block", "html_inline"):
            yield from written(token.content)
        elif token.children is not None:
            yield from tags(token.children)
        elif token.tag:
            yield Tag(token.tag, token.nesting < 0, attributes(token))
            if token.nesting == 0:
                yield Tag(token.tag, True, 0)


def written(html: str) -> Iterator[Tag]:
    """The tags of raw HTML. From the first that is not well formed on, each may be as long as the rest."""
    place = html.find("<")
    while place >= 0:
        text, name = TEXT.match(html, place), NAME.match(html, place)
        whole = text or HTML_TAG_RE.match(html[place : place + LONGEST_TAG])
        if whole is None or not (text or name):
            yield Tag("", False, 0)
            yield from (Tag(name[2].lower(), False, len(html) - place) for name in NAME.finditer(html, place))
            return
        if name and not text:
            yield Tag(name[2].lower(), bool(name[1]), len(whole[0]))
        place = html.find("<", place + len(whole[0]))
