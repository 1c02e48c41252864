"""Logs: one JSON object a line on standard output, one line a request, never a secret in it.

Request id and W3C trace context come from the caller when they are well formed, and are made otherwise. The
path is logged without its query string and without names of people or secrets in it; bodies, headers and
values of statements are not logged at all.
"""

import logging
import re
import secrets
import sys
import time
from functools import lru_cache
from itertools import islice
from typing import Any

import orjson
from flask import Flask, Request, Response, g, has_request_context, request
from werkzeug.routing import BaseConverter, UnicodeConverter

from . import settings, tracing

log = logging.getLogger("request")
PART = re.compile(r"<(?:[^<>:]*:)?(\w+)>")  # of a rule: a name, and how it is written
PLAIN = re.compile(r"/[a-z0-9._-]{0,20}(?=/|\Z)")  # too short and too plain for a secret
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
USUAL = len(vars(logging.makeLogRecord({})))
STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
QUIET = ("/livez", "/readyz", "/metrics")
POLLED = (settings.KEYS, settings.WITHDRAWN)


class JsonLines(logging.Formatter):
    """A record as one JSON object; what was passed as `extra` becomes members."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        return self.line(record).decode().rstrip("\n")

    def line(self, record: logging.LogRecord) -> bytes:
        line: dict[str, Any] = {
            "time": f"{_second(int(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if has_request_context():
            known = g.get
            line |= {"request_id": known("request_id"), "trace_id": trace_id(known("traceparent", ""))}
        # What was passed stands behind what every record has.
        for name, value in islice(vars(record).items(), USUAL, None):
            if name not in STANDARD:
                line[name] = value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE)


@lru_cache(2)
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))


class Lines(logging.Handler):
    """Each record as a line on standard output, in bytes: nothing turns it into text and back."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._lines, self._out = JsonLines(service), sys.stdout.buffer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._out.write(self._lines.line(record))
            self._out.flush()
        except Exception:
            self.handleError(record)


def configure(service: str, level: str) -> None:
    """Sends everything to standard output; safe to repeat."""
    logging.basicConfig(level=level.upper(), handlers=[Lines(service)], force=True)
    # No line here says from where, nor by which thread or process: finding that out costs more than the rest.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)


def request_id(given: str | None) -> str:
    return given if given and REQUEST_ID.fullmatch(given) else secrets.token_hex(12)


def traceparent(given: str | None) -> str:
    """The caller's trace goes on, or a new one begins (W3C Trace Context)."""
    if given and TRACEPARENT.fullmatch(given):
        return given
    drawn = secrets.token_hex(24)
    return f"00-{drawn[:32]}-{drawn[32:]}-01"


def trace_id(parent: str) -> str:
    return parent[3:35]


def _begin() -> None:
    g.request_id = request_id(request.headers.get("X-Request-Id"))
    g.traceparent = traceparent(given := request.headers.get("traceparent"))
    if request.path not in QUIET:
        g.span = tracing.begin(request.method, "SERVER", g.traceparent if given else "")
        g.traceparent = g.span.traceparent if g.span else g.traceparent


def _is_quiet(asked: Request, response: Response) -> bool:
    """Platforms ask for health, audits for pages and every process for what tokens are worth, for ever. A
    good answer to that is no news.
    """
    polled = asked.path in POLLED or asked.blueprint == "snapshots"
    return asked.path in QUIET or (polled and response.status_code < 400)


def _end(response: Response) -> Response:
    # Looked up once: what stands for "this request's" is found anew each time.
    asked, known = request._get_current_object(), g._get_current_object()  # type: ignore[attr-defined]
    response.headers["X-Request-Id"] = known.request_id
    if span := known.get("span"):
        rule = asked.url_rule.rule if asked.url_rule else "unmatched"
        span.end(f"{asked.method} {rule}", http__response__status_code=response.status_code)
    if not _is_quiet(asked, response):
        log.info(
            "request",
            extra={
                "method": asked.method,
                "path": shown_path(asked),
                "status": response.status_code,
                "ms": round((time.perf_counter() - known.started) * 1000, 2),
                "user": known.actor.id if "actor" in known else None,
                "statements": known.get("statements", 0),
            },
        )
    return response


def shown_path(asked: Request) -> str:
    """The path, but with the names of its parts where those are words: names of people, links from mails,
    digests of addresses. Numbers stay.
    """
    rule, values = asked.url_rule, asked.view_args or {}
    if rule is None:
        return beginning(asked.path)
    if not any(map(_is_word, rule._converters.values())):
        return asked.path
    return PART.sub(
        lambda part: part[0] if _is_word(rule._converters[part[1]]) else str(values[part[1]]), rule.rule
    )


def beginning(path: str) -> str:
    """The first part of a path that is none of ours. The rest is not told: it may well be a name or a secret,
    in an address of ours that somebody spelled a little differently.
    """
    plain = PLAIN.match(path)
    told = plain[0] if plain else ""
    return path if told == path else f"{told}/…"


def _is_word(converter: BaseConverter) -> bool:
    return isinstance(converter, UnicodeConverter)


def install(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_end)
