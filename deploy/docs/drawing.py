"""Draws the house as SVG: a card for each package, its rooms in layers, arrows down to what is imported."""

from pathlib import Path

from ..local.stack import ROOT
from .house import PACKAGES, ROOMS, Arrow, Package, layers, needed

WIDTH, HEIGHT = 92, 24  # of a room
ACROSS, DOWN = 100, 58  # from one to the next
PER_ROW = 6
MARGIN, HEAD = 16, 44
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1b1f24 }
  .title { font-weight: 600; font-size: 16px }
  .small { font-size: 12px; fill: #57606a }
  .card { fill: #fff; stroke: #d0d7de }
  .room { fill: #eef4ff; stroke: #4a7bd0 }
  .other { fill: #f6f8fa; stroke: #afb8c1 }
  .arrow { fill: none; stroke: #8c959f; stroke-width: 1.1; marker-end: url(#head) }
  .back { stroke: #cf222e; stroke-dasharray: 4 3 }
"""


class Card:
    """One package. The chassis is as wide as two."""

    def __init__(self, package: Package) -> None:
        self.package = package
        found, self.back = layers(package.rooms, package.arrows)
        per_row = PER_ROW * 2 if package.name == "chassis" else PER_ROW
        self.rows = [layer[at : at + per_row] for layer in found for at in range(0, len(layer), per_row)]
        columns = 2 if package.name == "chassis" else 1
        self.width = columns * (PER_ROW * ACROSS + 2 * MARGIN) + (columns - 1) * MARGIN
        self.height = HEAD + len(self.rows) * DOWN + MARGIN

    def svg(self, left: int, top: int) -> str:
        places = self._places()
        shown = needed(self.package.arrows - self.back)
        parts = [f'<g id="{self.package.name}" transform="translate({left} {top})">', self._frame()]
        parts += [arrow(places, each, "arrow") for each in sorted(shown)]
        parts += [arrow(places, each, "arrow back") for each in sorted(self.back)]
        parts += [room(name, *at) for name, at in sorted(places.items())]
        return "\n".join([*parts, "</g>"])

    def _places(self) -> dict[str, tuple[float, float]]:
        """The middle of each room."""
        return {
            name: (self.width / 2 + (at - (len(row) - 1) / 2) * ACROSS, HEAD + DOWN * number + HEIGHT)
            for number, row in enumerate(self.rows)
            for at, name in enumerate(row)
        }

    def _frame(self) -> str:
        used = f"stands on {len(self.package.of_chassis)} modules of the chassis"
        told = "imports no service" if self.package.name == "chassis" else used
        return (
            f'<rect class="card" width="{self.width}" height="{self.height}" rx="8"/>'
            f'<text class="title" x="{MARGIN}" y="26">{self.package.name}</text>'
            f'<text class="small" x="{self.width - MARGIN}" y="26" text-anchor="end">{told}</text>'
        )


def room(name: str, x: float, y: float) -> str:
    kind, box = "room" if name in ROOMS else "other", f'width="{WIDTH}" height="{HEIGHT}" rx="5"'
    return (
        f'<rect class="{kind}" x="{x - WIDTH / 2:g}" y="{y - HEIGHT / 2:g}" {box}/>'
        f'<text x="{x:g}" y="{y + 4:g}" text-anchor="middle">{name}</text>'
    )


def arrow(places: dict[str, tuple[float, float]], ends: Arrow, kind: str) -> str:
    (x, y), (to_x, to_y) = places[ends[0]], places[ends[1]]
    down = 1 if to_y >= y else -1
    start, end = y + down * HEIGHT / 2, to_y - down * (HEIGHT / 2 + 3)
    bend = down * min(abs(end - start) / 2, DOWN * 0.6)
    curve = f"M{x:g} {start:g} C{x:g} {start + bend:g} {to_x:g} {end - bend:g} {to_x:g} {end:g}"
    return f'<path class="{kind}" d="{curve}"><title>{ends[0]} imports {ends[1]}</title></path>'


def picture(root: Path = ROOT) -> str:
    """Each card goes where there is room; the chassis is below them all, as wide as both columns."""
    *services, chassis = (Card(Package.of(name, root)) for name in PACKAGES)
    column, tops = services[0].width + MARGIN, [0, 0]
    parts = []
    for card in services:
        at = tops.index(min(tops))
        parts.append(card.svg(at * column, tops[at]))
        tops[at] += card.height + MARGIN
    parts.append(chassis.svg(0, max(tops)))
    return document(chassis.width, max(tops) + chassis.height, "\n".join(parts))


def document(width: int, height: int, content: str) -> str:
    head = '<marker id="head" viewBox="0 0 8 8" refX="6" refY="4" orient="auto">'
    view = f'viewBox="-2 -2 {width + 4} {height + 4}" width="{width + 4}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {view}>'
        f'<style>{STYLE}</style><defs>{head}<path d="M0 0 8 4 0 8z" fill="#8c959f"/></marker></defs>\n'
        f"{content}\n</svg>\n"
    )
