"""Pictures of people."""

import re
from typing import Annotated, Any

from flask import Blueprint, Response
from pydantic import BeforeValidator

from chassis.access import public
from chassis.problems import NotFound
from chassis.shapes import Query, number

from .. import avatar

api = Blueprint("pictures", __name__)
DIGEST = re.compile(r"[0-9a-f]{1,64}")
USUAL = 100
HEADERS = {
    "Cache-Control": "public, max-age=2592000, immutable",
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


def size(value: Any) -> int:
    """What is not a size means the usual one; too small and too large are brought back."""
    try:
        return min(max(number(value), avatar.SMALLEST), avatar.LARGEST)
    except ValueError:
        return USUAL


class Picture(Query):
    """`s`: width and height in pixels."""

    s: Annotated[int, BeforeValidator(size)] = USUAL


@api.get("/avatar/<hash>.svg")
@public(refuses=(404,))
def picture(hash: str, asked: Picture) -> Response:
    """The identicon that belongs to the digest of an e-mail address."""
    if not DIGEST.fullmatch(hash):
        raise NotFound
    return Response(avatar.identicon(hash, asked.s), mimetype="image/svg+xml", headers=HEADERS)
