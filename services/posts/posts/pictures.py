"""Pictures in texts. No page shows them, so their words stay, as a link to where the picture is."""

from collections.abc import Iterable, Iterator

from markdown_it import MarkdownIt
from markdown_it.common.utils import isLinkClose, isLinkOpen
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

LINKED = ("http://", "https://", "/")  # a picture that is in the text itself (`data:`) leads nowhere
UNNAMED = (
    "picture"  # its address would be repeated at each use of a reference, and may be kilobytes of `data:`
)


def as_links(state: StateCore) -> None:
    """Before bare addresses are looked for: these are links already."""
    for inline in state.tokens:
        if inline.type == "inline" and any(token.type == "image" for token in inline.children or ()):
            inline.children = list(_without_pictures(inline.children or ()))


def _without_pictures(tokens: Iterable[Token]) -> Iterator[Token]:
    """Within a link a picture is words alone: links hold no links."""
    links = 0
    for token in tokens:
        if token.type == "image":
            yield from _told(token, within=links > 0)
            continue
        links = max(links + _opened(token), 0)
        yield token


def _opened(token: Token) -> int:
    """How many more links are open after a token than before it."""
    if token.type == "html_inline":
        return int(isLinkOpen(token.content)) - int(isLinkClose(token.content))
    return token.nesting if token.tag == "a" else 0


def _told(picture: Token, within: bool) -> Iterator[Token]:
    text = Token("text", "", 0, content=words(picture.children or ()).strip() or UNNAMED)
    address = str(picture.attrs["src"])
    if within or not address.lower().startswith(LINKED):
        yield text
        return
    title = {"title": picture.attrs["title"]} if "title" in picture.attrs else {}
    yield Token("link_open", "a", 1, attrs={"href": address, **title})
    yield text
    yield Token("link_close", "a", -1)


def words(tokens: Iterable[Token]) -> str:
    """What a label says, without its marks."""
    return "".join(_word(token) for token in tokens)


def _word(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    if token.type == "image":
        return words(token.children or ())
    return token.content if token.type in ("text", "text_special", "code_inline") else ""


def link(markdown: MarkdownIt) -> None:
    """Lets a Markdown renderer make links of pictures."""
    markdown.core.ruler.after("inline", "pictures", as_links)
