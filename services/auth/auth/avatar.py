"""Identicons: a picture for everybody, drawn from the digest of an address alone."""

SMALLEST, LARGEST = 16, 512
CELLS = 5
COLOURS = (
    "#2f5d8a", "#8a2f5d", "#5d8a2f", "#8a5d2f", "#5d2f8a", "#2f8a5d", "#a33b3b", "#3b7aa3",
    "#3ba36b", "#a3873b", "#7a3ba3", "#4a4a4a", "#b0512a", "#1f7a7a", "#6b6b1f", "#99336b",
)  # fmt: skip


def identicon(digest: str, size: int) -> str:
    """An SVG of `size` pixels: five by five cells, left like right; always the same for a digest."""
    bits = int(digest[:16] or "0", 16)
    colour = COLOURS[bits & 15]
    cells = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1"/>'
        for y in range(CELLS)
        for x in range(CELLS)
        if bits >> 4 + y * 3 + min(x, CELLS - 1 - x) & 1
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="-0.5 -0.5 6 6" '
        f'shape-rendering="crispEdges"><rect x="-0.5" y="-0.5" width="6" height="6" fill="#eee"/>'
        f'<g fill="{colour}">{cells}</g></svg>'
    )
