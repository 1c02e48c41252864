"""Files of the pages. Another build has other addresses, so a browser may keep them for a year."""

import gzip
import mimetypes
from functools import lru_cache
from typing import NamedTuple

from flask import Blueprint, Response, request

from chassis.access import public
from chassis.links import absolute
from chassis.problems import NotFound

from ..showing import BUILD, STATIC

YEAR, HOUR = "public, max-age=31536000, immutable", "public, max-age=3600"
TEXT = ("text/", "application/javascript", "image/svg+xml", "application/manifest+json")
TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json", ".ico": "image/x-icon"}
ROBOTS = """User-agent: *
Disallow: /auth/
Disallow: /api/
Disallow: /edit
Disallow: /delete/
Disallow: /comment/
Disallow: /follow/
Disallow: /unfollow/
Disallow: /moderate
Disallow: /all
Disallow: /followed$
Sitemap: {sitemap}
"""
pages = Blueprint("files", __name__)


class File(NamedTuple):
    content: bytes
    small: bytes
    type: str


@lru_cache(128)
def read(name: str) -> File | None:
    """A file and its compressed form, kept in memory: there are few of them."""
    path = (STATIC / name).resolve()
    if not path.is_relative_to(STATIC.resolve()) or not path.is_file():
        return None
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    content = path.read_bytes()
    return File(content, gzip.compress(content, 9) if kind.startswith(TEXT) else b"", kind)


@pages.get("/static/<path:file>")
@public()
def static_file(file: str) -> Response:
    build, _, rest = file.partition("/")
    found = read(rest) if build == BUILD else None
    if found is not None:
        return _sent(found, YEAR)
    name = rest if len(build) == len(BUILD) and not (STATIC / build).exists() else file
    found = read(name)
    if found is None:
        raise NotFound
    return _sent(found, HOUR)


def _sent(file: File, caching: str) -> Response:
    small = bool(file.small) and request.accept_encodings.quality("gzip") > 0
    response = Response(file.small if small else file.content, mimetype=file.type)
    response.headers["Cache-Control"] = caching
    if file.small:
        response.headers["Vary"] = "Accept-Encoding"
    if small:
        response.headers["Content-Encoding"] = "gzip"
    return response


@pages.get("/favicon.ico")
@public()
def favicon() -> Response:
    return _named("favicon.ico")


@pages.get("/site.webmanifest")
@public()
def manifest() -> Response:
    return _named("site.webmanifest")


def _named(name: str) -> Response:
    found = read(name)
    if found is None:
        raise NotFound
    return _sent(found, HOUR)


@pages.get("/robots.txt")
@public()
def robots() -> Response:
    text = ROBOTS.format(sitemap=absolute("/sitemap.xml"))
    return Response(text, mimetype="text/plain", headers={"Cache-Control": HOUR})
