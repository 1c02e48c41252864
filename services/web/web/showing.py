"""How a page is shown: template, caching, Content-Security-Policy, and the small words of the templates."""

import gzip
import hashlib
import re
import threading
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from cachetools import LRUCache
from flask import Flask, Response, current_app, g, render_template, request, session, url_for
from flask_wtf.csrf import CSRFProtect
from gevent import get_hub
from jinja2 import Environment
from markupsafe import Markup

from chassis.links import GRAVATAR, absolute, avatar_url
from chassis.settings import settings

from . import __version__
from .clients.shapes import Post
from .visitors import Permission, login_address, may, visitor

STATIC = Path(__file__).parent / "static"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{pictures}; "
    "connect-src 'self'; form-action 'self'; manifest-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; object-src 'none'"
)
THEMES = ("light", "dark")
PIECES, LONGEST_PIECE = 2048, 8 * 1024  # of so many characters at most: others would fill a gigabyte
SHELF, LARGE = 16 * 1024 * 1024, 512 * 1024  # bytes; a large page is not kept, and compressed beside the loop
LONGEST_LISTED = 32 * 1024  # of HTML; of a longer post a list shows the beginning of its text
FOLDED = 2400  # characters of a post from which a list shows only its beginning
# A link or a picture, as Markdown writes it, with its title.
NAMED = re.compile(r"""!?\[([^\[\]]+)\]\([^()\s]*(?:\s+(?:"[^"]*"|'[^']*'))?\)""")
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
csrf = CSRFProtect()


def fingerprint() -> str:
    """Changes whenever a static file or a template does."""
    seen = hashlib.blake2b(__version__.encode(), digest_size=5)
    for path in sorted([*STATIC.rglob("*"), *STATIC.with_name("templates").rglob("*")]):
        if path.is_file():
            seen.update(path.relative_to(STATIC.parent).as_posix().encode() + path.read_bytes())
    return seen.hexdigest()


BUILD = fingerprint()


def static(file: str) -> str:
    """The address of a file; it may be kept for ever, because another build has another address. A filter, so
    that Jinja writes it into the template when it compiles it.
    """
    return f"/static/{BUILD}/{file}"


class Copy(NamedTuple):
    """A page as it is sent; strangers' pages hold no secret that compressing could give away."""

    plain: bytes
    small: bytes


class Shelf:
    """Pages for strangers that were made already, by the tag of exactly what is in them; `size` in bytes."""

    def __init__(self, size: int) -> None:
        self._pages: LRUCache[str, Copy] = LRUCache(size, lambda copy: len(copy.plain) + len(copy.small))
        self._lock = threading.Lock()

    def get(self, tag: str) -> Copy | None:
        with self._lock:
            return self._pages.get(tag)

    def put(self, tag: str, page: str) -> Copy:
        plain = page.encode()
        if len(plain) > LARGE:
            return Copy(plain, get_hub().threadpool.apply(gzip.compress, (plain, 1)))
        made = Copy(plain, gzip.compress(plain, 5))
        with self._lock:
            self._pages[tag] = made
        return made


shelf = Shelf(SHELF)


def show(
    template: str, status: int = 200, *, shared: bool = False, mimetype: str = "text/html", **context: Any
) -> Response:
    """A page.

    Args:
        shared: strangers all get the same one: it has an ETag made from what the services answered, so that
            an unchanged one is neither rendered nor sent again.
    """
    if shared and status == 200 and request.method in ("GET", "HEAD") and _is_same_for_all():
        return _shared(template, mimetype, context)
    return Response(render_template(template, **context), status, mimetype=mimetype)


def _is_same_for_all() -> bool:
    return visitor() is None and not session.get("_flashes")


def _shared(template: str, mimetype: str, context: dict[str, Any]) -> Response:
    tag = _tag()
    headers = {"ETag": f'W/"{tag}"', "Cache-Control": "public, no-cache", "Vary": "Cookie, Accept-Encoding"}
    if request.if_none_match.contains_weak(tag):
        return Response(status=304, headers=headers)
    page = shelf.get(tag) or shelf.put(tag, render_template(template, **context))
    if request.accept_encodings.quality("gzip"):
        return Response(page.small, mimetype=mimetype, headers=headers | {"Content-Encoding": "gzip"})
    return Response(page.plain, mimetype=mimetype, headers=headers)


def _tag() -> str:
    """Names all that a page for strangers depends on: what the services said, the address, the look."""
    named = "\n".join((BUILD, request.full_path, theme(), late()))  # a query has no line end
    seen = hashlib.blake2b(named.encode(), digest_size=12)
    for key, digest in sorted(g.calls.seen.items() if "calls" in g else ()):
        seen.update(key.encode() + digest)
    return seen.hexdigest()


def late() -> str:
    """For how long news has not arrived of which this page is made, in words; nothing while that is usual."""
    age = g.calls.age if "calls" in g else 0
    return about(age) if age > settings.stale_after else ""


def about(seconds: float) -> str:
    """A time as people say it. It changes seldom, so that a page that says it can be kept."""
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 1.5 * length or (unit == "minute" and seconds >= length):
            return f"about {plural(round(seconds / length), unit)}"
    return "less than a minute"


def theme() -> str:
    """`light`, `dark`, or nothing: as the system has it."""
    chosen = request.cookies.get("theme", "")
    return chosen if chosen in THEMES else ""


class Piece(NamedTuple):
    """A post as a page shows it: all that its template may use, so that equal ones look alike."""

    id: int
    username: str | None
    avatar_url: str
    timestamp: datetime
    body: str
    body_html: str
    comment_count: int
    whole: bool
    own: bool
    administered: bool


def shown_post(post: Post, whole: bool = False) -> Markup:
    """One post of a page. Most pages show what another has just shown, so it is kept as it was made."""
    actor, writer = visitor(), post.author
    text = (post.body, post.body_html) if whole or is_listed(post) else (post.body[: FOLDED + 1], "")
    said = post.id, writer.username, writer.avatar_url, post.timestamp, *text
    own = actor is not None and actor.id == writer.id
    piece = Piece(*said, post.comment_count, bool(whole), own, may(Permission.ADMIN))
    made = current_app.extensions["pieces"]
    short = len(piece.body) + len(piece.body_html) <= LONGEST_PIECE
    return (made if short else made.__wrapped__)(piece)


def is_listed(post: Post) -> bool:
    """Whether a list holds all of a post: twenty of the longest would be a page of megabytes."""
    return len(post.body_html) <= LONGEST_LISTED


def _made(env: Environment, piece: Piece) -> Markup:
    return Markup(env.get_template("_post.html").render(post=piece))  # noqa: S704 # nosec B704 # habit: a template's


def picture(url: str | None, size: int) -> str:
    """The address of somebody's picture for this many pixels."""
    path = (url or avatar_url(None)).removeprefix(settings.public_url)
    return f"{path}{'&' if '?' in path else '?'}s={size}"


@lru_cache(2048)
def moment(at: datetime, style: str = "relative") -> Markup:
    """A time, in UTC; the script makes it relative, or a date as the reader writes dates."""
    at = at.astimezone(UTC)
    full = f"{at.day} {at:%B %Y, %H:%M} UTC"
    text = f"{at.day} {at:%B %Y}" if style == "date" else full
    return Markup('<local-time data-style="{}"><time datetime="{}" title="{}">{}</time></local-time>').format(
        style, f"{at:%Y-%m-%dT%H:%M:%SZ}", full, text
    )


def plural(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def plain(text: str | None, most: int = 200) -> str:
    """The beginning of a text, for descriptions: without most of the marks of Markdown."""
    said = NAMED.sub(r"\1", text or "")
    words = " ".join(said.replace("*", "").replace("`", "").replace("#", "").split())
    return words if len(words) <= most else f"{words[: most - 1].rstrip()}…"


def prose(html: str | None) -> Markup:
    """HTML from the services' renderer; code that scrolls sideways can be reached with the keyboard."""
    return Markup((html or "").replace("<pre>", '<pre tabindex="0">'))  # noqa: S704 # nosec B704 # habit: sanitised by its service


def xml(text: str) -> str:
    """Without the characters that no XML document may hold, even escaped (XML 1.0, section 2.2)."""
    return NOT_XML.sub("", text)


@lru_cache(2)
def _policy(avatars: str) -> str:
    return CSP.format(pictures=f" {GRAVATAR.partition('/avatar')[0]}" if avatars == "gravatar" else "")


def _finish(response: Response) -> Response:
    if "Content-Security-Policy" not in response.headers:
        response.headers["Content-Security-Policy"] = _policy(settings.avatars)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    return response


def install(app: Flask) -> None:
    csrf.init_app(app)
    app.after_request(_finish)
    app.extensions["pieces"] = lru_cache(PIECES)(partial(_made, app.jinja_env))
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters |= {
        "picture": picture,
        "moment": moment,
        "plain": plain,
        "prose": prose,
        "static": static,
        "xml": xml,
    }
    app.jinja_env.globals |= {
        "absolute": absolute,
        "about": about,
        "late": late,
        "avatar_url": avatar_url,
        "folded": FOLDED,
        "is_listed": is_listed,
        "login_address": login_address,
        "plural": plural,
        "shown_post": shown_post,
        "theme": theme,
        "url_for": url_for,
    }
