"""Request bodies: read whole here, so that a service gets them at once and framed in one way."""

import gevent
from gunicorn.http.errors import ParseException

from chassis.evented import end_of_input
from chassis.problems import TooLarge, UnsupportedType

from .answers import Malformed, TooSlow
from .visit import Visit

PIECE, MOST_HELD = 64 * 1024, 64 * 1024 * 1024  # read at once; of bodies that are only half there, in all
EARLY = "The body of this request ended early."
_held: dict[Visit, bytearray] = {}  # what has come of each, the oldest first


def check(visit: Visit, most: int) -> None:
    """Refuses by what the headers say, before anything is read."""
    if int(visit.environ.get("CONTENT_LENGTH") or 0) > most:
        raise _too_large(most)
    if "HTTP_CONTENT_ENCODING" in visit.environ:
        raise UnsupportedType("Send the body as it is, without Content-Encoding.")


def read(visit: Visit, most: int, seconds: float) -> bytes:
    """The whole body. Raises `TooLarge`, `TooSlow` or `Malformed`."""
    if not visit.has_body:
        return b""
    declared = visit.environ.get("CONTENT_LENGTH")
    try:
        with gevent.Timeout(seconds, TooSlow):
            body = _come(visit, int(declared) if declared else most + 1)
    except (ParseException, OSError) as error:
        raise Malformed("The body of this request is not framed correctly.") from error
    if len(body) > most:
        raise _too_large(most)
    if declared and len(body) != int(declared):
        raise Malformed(EARLY)
    return body


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The body is too large: at most {most} bytes are allowed.")


def _come(visit: Visit, left: int) -> bytes:
    """Of too many large bodies that are half there the oldest ends: whoever sends on is not kept waiting.

    Its memory is free at once, however long its own turn takes to come.
    """
    stream, body = visit.environ["wsgi.input"], bytearray()
    _held[visit] = body
    try:
        while left > 0 and (piece := stream.read(min(left, PIECE))) and visit in _held:
            body += piece
            left -= len(piece)
            if len(piece) == PIECE and sum(map(len, _held.values())) > MOST_HELD:
                _give_up_oldest()
        if visit not in _held:
            raise Malformed(EARLY)
        return bytes(body)
    finally:
        _held.pop(visit, None)


def _give_up_oldest() -> None:
    oldest = next(each for each, body in _held.items() if len(body) >= PIECE)
    _held.pop(oldest).clear()
    gevent.spawn(end_of_input, oldest.environ["gunicorn.socket"])
