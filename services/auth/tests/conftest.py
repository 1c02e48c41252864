"""Auth on a fresh database, with people in named situations. Everything comes in by the doors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import AsyncMessage
from aiosmtpd.smtp import AuthResult

from auth.app import Settings, create_app
from auth.keys import make_first
from auth.mailer import deliver
from chassis.testing.service import Caller, Doors, service_doors

ADMINISTRATOR = "admin@example.com"
CHEAP = {"password_memory": 8, "password_rounds": 1, "admin": ADMINISTRATOR}
doors = service_doors("auth", create_app, Settings, **CHEAP)


def password_of(username: str) -> str:
    return f"{username} likes flasks"


def email_of(username: str) -> str:
    return f"{username.lower()}@example.com"


class Auth:
    """The service, with what tests do again and again."""

    def __init__(self, doors: Doors) -> None:
        self.doors, self.app = doors, doors.app
        self.anonymous, self.internal, self.outbox = doors.anonymous(), doors.internal(), doors.outbox
        with self.app.app_context():
            make_first()

    def register(self, username: str, **other: Any) -> Any:
        wanted = {"email": email_of(username), "username": username, "password": password_of(username)}
        return self.anonymous.post("/api/v1/users/", json=wanted | other)

    def newcomer(self, username: str) -> int:
        """Somebody who has registered."""
        return self.register(username).json["id"]

    def person(self, username: str) -> int:
        """Somebody who has confirmed."""
        id = self.newcomer(username)
        assert self.confirm(username).status_code == 200
        return id

    def confirm(self, username: str) -> Any:
        return self.anonymous.post("/api/v1/users/confirm", json={"token": self.link(email_of(username))})

    def exchange(self, **credential: Any) -> Any:
        return self.internal.post("/internal/exchange", json=credential)

    def by_password(self, username: str, password: str = "", address: str = "192.0.2.1") -> Any:
        shown = password or password_of(username)
        return self.exchange(kind="password", email=email_of(username), password=shown, address=address)

    def with_token(self, token: str) -> Caller:
        return self.doors._caller(f"Bearer {token}")

    def as_(self, username: str) -> Caller:
        """Somebody who shows the password with each request."""
        return self.with_token(self.by_password(username).json["token"])

    def tokens(self, username: str) -> dict[str, Any]:
        return self.as_(username).post("/api/v1/tokens/").json

    def api_client(self, username: str) -> Caller:
        return self.with_token(self.tokens(username)["token"])

    def sign_in(self, username: str, **other: Any) -> Any:
        sent = {"email": email_of(username), "password": password_of(username)} | other
        return self.internal.post("/internal/sessions", json=sent)

    def in_browser(self, username: str) -> Caller:
        return self.with_token(self.sign_in(username).json["token"])

    def administrator(self) -> Caller:
        self.person("admin")
        return self.as_("admin")

    def deliver(self) -> None:
        with self.app.app_context():
            deliver(self.app)

    def mails(self, to: str) -> list[str]:
        """The texts of all mails to an address, oldest first."""
        self.deliver()
        files = sorted(Path(self.app.extensions["settings"].data, "mail").glob("*.eml"))
        return [text for file in files if f"To: {to}" in (text := file.read_text())]

    def link(self, to: str) -> str:
        """The token in the newest mail to an address."""
        return link_in(self.mails(to)[-1])

    def rows(self, table: str, where: str = "true") -> list[dict[str, Any]]:
        with self.app.app_context():
            db = self.app.extensions["sqlalchemy"]
            return [dict(row) for row in db.rows(sa.text(f"SELECT * FROM {table} WHERE {where}"))]

    def change(self, statement: str, **values: Any) -> None:
        """What time, or somebody with the database in hand, would do."""
        db = self.app.extensions["sqlalchemy"]
        with self.app.app_context(), db.engine.begin() as connection:
            assert connection.execute(sa.text(statement), values).rowcount

    def flask(self, *words: str) -> Any:
        return self.app.test_cli_runner().invoke(args=list(words))


def link_in(text: str) -> str:
    found = re.search(r"/auth/[a-z-]+/([\w-]+)", text.replace("=\n", ""))
    assert found, text
    return found[1]


@pytest.fixture
def auth(doors: Doors) -> Auth:
    return Auth(doors)


@dataclass
class Sink:
    """A mail server that keeps what it gets; `answers` are its next words to recipients."""

    port: int = 0
    received: list[Any] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)


class Keeper(AsyncMessage):
    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self.sink = sink

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        answer = self.sink.answers.pop(0) if self.sink.answers else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_message(self, message: Any) -> None:
        self.sink.received.append(message)


@pytest.fixture
def sink() -> Iterator[Sink]:
    """aiosmtpd on a free port."""
    kept = Sink()

    def check(server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
        kept.logins.append((login.login.decode(), login.password.decode()))
        return AuthResult(success=True)

    controller = Controller(
        Keeper(kept), hostname="127.0.0.1", port=0, authenticator=check, auth_require_tls=False
    )
    controller.start()
    kept.port = controller.server.sockets[0].getsockname()[1]
    yield kept
    controller.stop()
