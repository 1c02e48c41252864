"""Request bodies: read whole here, so that a service gets them at once and framed in one way."""

import contextlib
from collections.abc import Iterator

import gevent
from gunicorn.http.errors import ParseException

from chassis.problems import TooLarge, UnsupportedType

from .answers import Malformed, TooSlow
from .sockets import end_of_input
from .visit import Visit

DRAIN_SECONDS, DRAIN_BYTES = 1.0, 4 * 1024 * 1024
PIECE, MOST_HELD = 64 * 1024, 64 * 1024 * 1024  # read at once; of bodies that are only half there, in all
_held: dict[Visit, int] = {}  # how much has come of each, the oldest first


def check(visit: Visit, most: int) -> None:
    """Refuses by what the headers say, before anything is read."""
    if int(visit.environ.get("CONTENT_LENGTH") or 0) > most:
        raise TooLarge
    if "HTTP_CONTENT_ENCODING" in visit.environ:
        raise UnsupportedType("Send the body as it is, without Content-Encoding.")


def read(visit: Visit, most: int, seconds: float) -> bytes:
    """The whole body. Raises `TooLarge`, `TooSlow` or `Malformed`."""
    if not visit.has_body:
        return b""
    declared = visit.environ.get("CONTENT_LENGTH")
    try:
        with gevent.Timeout(seconds, TooSlow):
            body = b"".join(_pieces(visit, int(declared) if declared else most + 1))
    except (ParseException, OSError) as error:
        raise Malformed("The body of this request is not framed correctly.") from error
    if len(body) > most:
        raise TooLarge
    if declared and len(body) != int(declared):
        raise Malformed("The body of this request ended early.")
    visit.body_read = True
    return body


def _pieces(visit: Visit, left: int) -> Iterator[bytes]:
    """Of too many large bodies that are half there the oldest ends: whoever sends on is not kept waiting."""
    stream, _held[visit] = visit.environ["wsgi.input"], 0
    try:
        while left > 0 and (piece := stream.read(min(left, PIECE))):
            yield piece
            left -= len(piece)
            _held[visit] += len(piece)
            if len(piece) == PIECE and sum(_held.values()) > MOST_HELD:
                oldest = next(each for each, size in _held.items() if size >= PIECE)
                gevent.spawn(end_of_input, oldest.environ["gunicorn.socket"])
                _held[oldest] = 0
    finally:
        del _held[visit]


def abandon(visit: Visit) -> None:
    """After a refusal: reads the rest of the body, so that the client reads the answer.

    A rest that is long or slow ends the connection: gunicorn must not look for another request in it.
    """
    stream = visit.environ["wsgi.input"]
    ended = False
    with gevent.Timeout(DRAIN_SECONDS, False), contextlib.suppress(ParseException, OSError):
        ended = len(stream.read(DRAIN_BYTES)) < DRAIN_BYTES
    if not ended:
        stream.failed = True
