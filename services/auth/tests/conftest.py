"""Auth on a fresh database, and a mail server that keeps what it gets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import AsyncMessage
from aiosmtpd.smtp import AuthResult

from auth.app import Settings, create_app
from chassis.testing.parts import free_port
from chassis.testing.service import Doors, service_doors

from .states import ADMINISTRATOR, Auth, of

CHEAP = {"password_memory": 8, "password_rounds": 1, "admin": ADMINISTRATOR}
auth_doors = service_doors("auth", create_app, Settings, **CHEAP)


@pytest.fixture
def auth(auth_doors: Doors) -> Auth:
    return of(auth_doors)


@pytest.fixture
def settings_of(auth: Auth) -> Callable[..., None]:
    """Changes settings of the running service."""

    def change(**values: Any) -> None:
        for name, value in values.items():
            setattr(auth.app.extensions["settings"], name, value)

    return change


@dataclass
class Sink:
    """A mail server that keeps what it gets; `answers` are its next words to recipients."""

    port: int
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
    kept = Sink(free_port())

    def check(server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
        kept.logins.append((login.login.decode(), login.password.decode()))
        return AuthResult(success=True)

    controller = Controller(
        Keeper(kept), hostname="127.0.0.1", port=kept.port, authenticator=check, auth_require_tls=False
    )
    controller.start()
    yield kept
    controller.stop()
