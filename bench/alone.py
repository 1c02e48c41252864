"""The statements of a row by themselves: what they cost a plain connection of the driver, and its database.

    python -m bench.alone < {"environments": {"posts": {…}, …, "web": {…}}, "asks": {"page: home": […], …}}

A process of its own, so that its CPU is theirs. It asks each row's request of services of its own (a page's
of pages of its own, which ask the running blog, and what they ask of these), notes the statements, and says
that it is ready. Then it takes a row's name and seconds, line by line, and tells how often it ran all
statements of that row, and the seconds of CPU that it took, as JSON.
"""

import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import psycopg
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import make_url

Statement = tuple[str, Any]
Request = tuple[str, str, str, Mapping[str, str]]  # service, method, target, headers


def made(name: str, environment: Mapping[str, str]) -> Flask:
    """A service in this process, without what it reads once a second, whoever asks."""
    os.environ.clear()
    os.environ.update({**environment, "LOG_LEVEL": "CRITICAL"})
    app: Flask = import_module(f"{name}.app").create_app()
    if "driver" in app.extensions:
        app.extensions["ages"] = dict
        app.extensions["verifier"].catch_up = lambda: None
        app.extensions["driver"].prepared = lambda statement: None  # all go by the engines, which tell
    return app


def asked_by_pages(web: Flask, request: Request) -> list[Request]:
    """What a page asks the services for."""
    asked: list[Request] = []
    for name, wire in web.extensions["wires"].items():
        wire.send = noting(name, wire.send, asked)
    answered(web, request)
    return asked


def noting(name: str, send: Callable[..., Any], asked: list[Request]) -> Callable[..., Any]:
    def noted(method: str, path: str, headers: dict[str, str], *more: Any) -> Any:
        asked.append((name, method, path, dict(headers)))
        return send(method, path, headers, *more)

    return noted


def answered(app: Flask, request: Request) -> None:
    _, method, target, headers = request
    with app.test_client(use_cookies=False) as client:
        answer = client.open(target, method=method, headers=headers)
    assert answer.status_code < 400, f"{target}: {answer.status}"


def statements(app: Flask, request: Request) -> list[Statement]:
    """Those that a request makes."""
    noted: list[Statement] = []
    with app.app_context():
        engines = [app.extensions["sqlalchemy"].engine, app.extensions["reader"]]
    hook = lambda *given: noted.append((given[2], given[3]))  # noqa: E731
    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", hook)
    answered(app, request)
    for engine in engines:
        sa.event.remove(engine, "before_cursor_execute", hook)
    return noted


def plain(url: str) -> Any:
    """A connection of the driver's that begins no transactions."""
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite":
        return sqlite3.connect(str(parts.database), isolation_level=None)
    return psycopg.connect(
        parts.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    )


def run(row: list[tuple[Any, Statement]], seconds: float) -> tuple[int, float]:
    """How often all of a row's statements were run within the seconds, and their CPU."""
    times, until, before = 0, time.monotonic() + seconds, time.process_time()
    while time.monotonic() < until:
        for connection, (text, values) in row:
            connection.execute(text, values).fetchall()
        times += 1
    return times, time.process_time() - before


def main() -> None:
    given = json.loads(sys.stdin.readline())
    apps = {name: made(name, told) for name, told in given["environments"].items()}
    connections = {
        name: plain(told["DATABASE_URL"])
        for name, told in given["environments"].items()
        if "DATABASE_URL" in told
    }
    rows = {}
    for row, request in given["asks"].items():
        asked = asked_by_pages(apps["web"], request) if request[0] == "web" else [tuple(request)]
        rows[row] = [
            (connections[name], statement)
            for name, *what in asked
            for statement in statements(apps[name], (name, *what))
        ]
    print("ready", flush=True)
    for line in sys.stdin:
        name, seconds = json.loads(line)
        print(json.dumps(run(rows[name], seconds)), flush=True)


if __name__ == "__main__":
    main()
