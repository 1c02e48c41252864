"""Labels of links in texts: where they end, found as markdown-it finds it, at a tenth of the cost.

For each `[` markdown-it walks on from token to token, up to twenty of them, each by a call of all its rules
or of what remembers their answer: 64 kB of `![` took a second. What is remembered is looked up here without
a call, and where no `]` follows nobody walks at all.
"""

from types import SimpleNamespace

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline


def end_of_label(state: StateInline, start: int, disableNested: bool = False) -> int:
    """The place of the `]` that belongs to the `[` at `start`; -1 if there is none."""
    source, end, known = state.src, state.posMax, state.cache
    if source.find("]", start + 1, end) < 0:
        return -1
    before, place, level = state.pos, start + 1, 1
    found = -1
    while place < end:
        sign = source[place]
        if sign == "]":
            level -= 1
            if level == 0:
                found = place
                break
        after = known.get(place) or skipped(state, place)
        if sign == "[":
            if after == place + 1:
                level += 1
            elif disableNested:
                break
        place = after
    state.pos = before
    return found


def skipped(state: StateInline, place: int) -> int:
    """Where the token that begins here ends, by all rules."""
    state.pos = place
    state.md.inline.skipToken(state)
    return state.pos


def find(markdown: MarkdownIt) -> None:
    """Lets a Markdown renderer look for the ends of labels in this way."""
    own = vars(markdown.helpers) | {"parseLinkLabel": end_of_label}
    markdown.helpers = SimpleNamespace(**own)  # type: ignore[assignment]
