"""Fixtures for the tests of a service: the real application on a real database, entered by its doors.

HTTP in (`as_`, `anonymous`, `internal`), event in (`receive`), outbox out (`outbox`).
"""

import json
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from ..bus import Delivery
from ..events import Event, iso, new_id, now
from ..inbox import receive, retry_due
from ..schema import upgrade
from ..settings import Settings
from .parts import Databases, free_port

INTERNAL = "a-secret-for-tests-only"


class Signer:
    """Signs tokens as the issuer would, with a key of its own."""

    def __init__(self, folder: Path) -> None:
        self._key, self.kid = Ed25519PrivateKey.generate(), uuid.uuid4().hex
        self.jwks = folder / "jwks.json"
        public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(self._key.public_key()))
        self.jwks.write_text(json.dumps({"keys": [public | {"kid": self.kid, "alg": "EdDSA", "use": "sig"}]}))

    def token(self, id: int, username: str, bits: int = 0, confirmed: bool = True, **claims: Any) -> str:
        at = int(time.time())
        content = {
            "iss": "auth",
            "aud": "api",
            "sub": str(id),
            "username": username,
            "perms": bits,
            "confirmed": confirmed,
            "avatar": f"{id:032x}",
            "ver": 1,
            "sid": f"session-{id}",
            "amr": ["token"],
            "iat": at,
            "exp": at + 300,
            "jti": uuid.uuid4().hex,
        } | claims
        return jwt.encode(content, self._key, "EdDSA", headers={"typ": "at+jwt", "kid": self.kid})


class Caller(FlaskClient):
    """A client that sends one `Authorization` header with everything."""

    authorization = ""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        headers = dict(kwargs.pop("headers", None) or {})
        if self.authorization:
            headers.setdefault("Authorization", self.authorization)
        return super().open(*args, headers=headers, **kwargs)


@dataclass
class Doors:
    """A service under test."""

    app: Flask
    signer: Signer

    def _caller(self, authorization: str) -> Caller:
        self.app.test_client_class = Caller
        client: Caller = self.app.test_client(use_cookies=False)  # type: ignore[assignment]
        client.authorization = authorization
        return client

    def as_(self, username: str, bits: int = 0, *, id: int | None = None, **claims: Any) -> Caller:
        """Somebody signed in. Without an id, one is made from the name (ann is 1, ben 2, …: the letter's
        place).
        """
        number = id if id is not None else ord(username[0].lower()) - 96
        return self._caller(f"Bearer {self.signer.token(number, username, bits, **claims)}")

    def anonymous(self) -> Caller:
        return self._caller("")

    def internal(self) -> Caller:
        return self._caller(f"Internal {INTERNAL}")

    def outbox(self) -> list[Event]:
        """The events written since the last call, oldest first; they count as sent afterwards."""
        db = self.app.extensions["sqlalchemy"]
        with self.app.app_context(), db.engine.begin() as connection:
            unsent = sa.select(db.outbox).where(db.outbox.c.sent_at.is_(None)).order_by(db.outbox.c.id)
            found = [Event.parse(bytes(row.body)) for row in connection.execute(unsent)]
            connection.execute(sa.update(db.outbox).values(sent_at=now()))
        return found

    def snapshot(self, name: str, size: int = 100) -> list[Event]:
        """The current states under this name, by the internal door, page by page."""
        found: list[Event] = []
        last = ""
        while last is not None:
            asked = f"/internal/snapshots/{name}?limit={size}&after={last}"
            page = self.internal().get(asked).get_json()
            found += map(Event.of, page["states"])
            last = page["next"]
        return found

    def receive(
        self,
        type: str,
        subject: Any,
        version: int,
        data: dict[str, Any],
        id: str = "",
        *,
        about: int | None = None,
        dead: str = "",
    ) -> str:
        """Delivers an event as the bus would, or as given up by it; returns its id."""
        event = Event(type, str(subject), version, data, "/test", id or new_id(), iso(now()), about=about)
        receive(self.app, [Delivery(type, event.to_json(), dead)])
        return event.id

    def try_again(self) -> None:
        """Tries what waits, as often as it is tried, without waiting."""
        db = self.app.extensions["sqlalchemy"]
        waits = db.parked.c.next_try_at.isnot(None)
        while [row for row in self.parked() if row["next_try_at"]]:
            with self.app.app_context(), db.engine.begin() as connection:
                connection.execute(sa.update(db.parked).where(waits).values(next_try_at=now()))
            retry_due(self.app)

    def heard(self, source: str, until: datetime) -> None:
        """As if all that a source says until then had come. (A watermark is not believed ahead of time.)"""
        kept = self.app.extensions["sqlalchemy"].freshness
        with self.app.app_context(), self.app.extensions["sqlalchemy"].engine.begin() as connection:
            connection.execute(sa.delete(kept).where(kept.c.source == source))
            connection.execute(sa.insert(kept).values(source=source, as_of=until))

    def parked(self) -> list[Any]:
        """What could not be handled."""
        with self.app.app_context():
            db = self.app.extensions["sqlalchemy"]
            return list(db.rows(sa.select(db.parked).order_by(db.parked.c.id)))

    def job(self, name: str) -> None:
        """Does once what the worker does every so many seconds."""
        [job] = [job for job in self.app.extensions["jobs"] if job.name == name]
        with self.app.app_context():
            job.run(self.app)

    def statements(self, call: Callable[[], Any]) -> int:
        """How many SQL statements a call makes. (What is read once a second or so is read before.)"""
        seen: list[str] = []
        with self.app.app_context():
            self.app.extensions["ages"]()
            self.app.extensions["verifier"].catch_up()
            engines = [self.app.extensions["sqlalchemy"].engine, self.app.extensions["reader"]]
        driver = self.app.extensions["driver"]
        told = driver.told

        def noted(text: str, took: float) -> None:
            seen.append(text)
            told(text, took)

        driver.told = noted
        hook = lambda *given: seen.append(given[2])  # noqa: E731
        for engine in engines:
            sa.event.listen(engine, "before_cursor_execute", hook)
        try:
            call()
        finally:
            driver.told = told
            for engine in engines:
                sa.event.remove(engine, "before_cursor_execute", hook)
        return len(seen)


@contextmanager
def served(doors: Doors) -> Iterator[str]:
    """The address at which a service under test answers, for others that ask it over HTTP."""
    server = make_server("127.0.0.1", free_port(), doors.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()
    thread.join()


class Template:
    """A migrated and seeded empty database of one service, made once and copied for each test."""

    def __init__(self, name: str, make: Callable[[str], Flask], folder: Path, stack: str) -> None:
        self._name, self._make, self._folder = name, make, folder
        self._server = Databases.from_environment() if stack == "real" else None
        if self._server:
            self._server.template(f"template_{name}", self._fill)
        elif not (folder / f"{name}.sqlite").exists():
            self._fill(f"sqlite:///{folder}/{name}.sqlite")

    def _fill(self, url: str) -> None:
        app = self._make(url)
        with app.app_context():
            upgrade()
            for seed in app.extensions["seeds"]:
                seed()
        dispose(app)

    @contextmanager
    def copy(self, folder: Path) -> Iterator[str]:
        """The address of a fresh copy, gone afterwards."""
        name = f"{self._name}_{uuid.uuid4().hex[:12]}"
        if self._server:
            yield self._server.database(name, template=f"template_{self._name}")
            self._server.drop(name)
        else:
            shutil.copy(self._folder / f"{self._name}.sqlite", folder / f"{name}.sqlite")
            yield f"sqlite:///{folder}/{name}.sqlite"


def dispose(app: Flask) -> None:
    with app.app_context():
        app.extensions["sqlalchemy"].session.remove()
        app.extensions["sqlalchemy"].engine.dispose()
    app.extensions["reader"].dispose()


def service_doors(
    name: str, create_app: Callable[[Any], Flask], settings: type[Settings], **told: Any
) -> Any:
    """A fixture: the service on a fresh database, once on each stack of the run. For a service's conftest:

    shop = service_doors("shop", create_app, Settings)
    """

    @pytest.fixture
    def doors(stack: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
        shared = tmp_path_factory.getbasetemp()
        own = tmp_path / name  # two services in one test have a signer each
        own.mkdir(exist_ok=True)
        signer = Signer(own)

        def make(url: str) -> Flask:
            common: dict[str, Any] = {
                "database_url": url,
                "bus_url": f"sqlite:///{tmp_path}/bus.sqlite",
                "jwks_url": str(signer.jwks),
                "jwks_refresh": 0,
                "internal_secret": INTERNAL,
                "environment": "testing",
                "log_level": "CRITICAL",
                "data": tmp_path,
                "web_threads": 4,
            }
            return create_app(settings(**common | told))

        with Template(name, make, shared, stack).copy(tmp_path) as url:
            app = make(url)
            yield Doors(app, signer)
            dispose(app)

    return doors
