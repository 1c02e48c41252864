"""Request bodies: read whole here, so that a service gets them at once and framed in one way."""

import contextlib

import gevent
from gunicorn.http.errors import ParseException

from chassis.problems import TooLarge, UnsupportedType

from .answers import Malformed, TooSlow
from .visit import Visit

DRAIN_SECONDS, DRAIN_BYTES = 1.0, 4 * 1024 * 1024


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
            body: bytes = visit.environ["wsgi.input"].read(int(declared) if declared else most + 1)
    except (ParseException, OSError) as error:
        raise Malformed("The body of this request is not framed correctly.") from error
    if len(body) > most:
        raise TooLarge
    if declared and len(body) != int(declared):
        raise Malformed("The body of this request ended early.")
    visit.body_read = True
    return body


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
