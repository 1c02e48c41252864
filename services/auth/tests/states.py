"""Situations with a name, reached through the doors of the service."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from auth.keys import make_first
from auth.mailer import deliver
from auth.models import db
from chassis.testing.service import Caller, Doors

ADMINISTRATOR = "admin@example.com"


def password_of(username: str) -> str:
    return f"{username} likes flasks"


def email_of(username: str) -> str:
    return f"{username.lower()}@example.com"


def errors(answer: Any) -> dict[str, str]:
    """What a refusal says, by field."""
    return {item["field"]: item["message"] for item in answer.json["errors"]}


@contextmanager
def committing() -> Iterator[list[object]]:
    """One entry for each transaction that changes something meanwhile."""
    committed: list[object] = []
    hook = committed.append
    sa.event.listen(db.session, "after_commit", hook)
    try:
        yield committed
    finally:
        sa.event.remove(db.session, "after_commit", hook)


class Auth(Doors):
    """The service, with what tests do again and again."""

    def register(self, username: str, /, **other: Any) -> Any:
        wanted = {"email": email_of(username), "username": username, "password": password_of(username)}
        return self.anonymous().post("/api/v1/users/", json=wanted | other)

    def newcomer(self, username: str) -> int:
        """Somebody who has registered."""
        return self.register(username).json["id"]

    def person(self, username: str, /, **other: Any) -> int:
        """Somebody who has confirmed."""
        answer = self.register(username, **other)
        assert self.confirm(email_of(username)).status_code == 200
        return answer.json["id"]

    def confirm(self, email: str) -> Any:
        return self.anonymous().post("/api/v1/users/confirm", json={"token": self.link(email)})

    def exchange(self, **credential: Any) -> Any:
        return self.internal().post("/internal/exchange", json=credential)

    def by_password(self, username: str, password: str = "", address: str = "192.0.2.1") -> Any:
        shown = password or password_of(username)
        return self.exchange(kind="password", email=email_of(username), password=shown, address=address)

    def with_token(self, token: str) -> Caller:
        return self._caller(f"Bearer {token}")

    def signed_in(self, username: str, password: str = "") -> Caller:
        """Somebody who shows the password with each request."""
        return self.with_token(self.by_password(username, password).json["token"])

    def tokens(self, username: str) -> dict[str, Any]:
        return self.signed_in(username).post("/api/v1/tokens/").json

    def api_client(self, username: str) -> Caller:
        return self.with_token(self.tokens(username)["token"])

    def sign_in(self, username: str, **other: Any) -> Any:
        sent = {"email": email_of(username), "password": password_of(username)} | other
        return self.internal().post("/internal/sessions", json=sent)

    def in_step(self, username: str) -> Any:
        """The first step of a sign-in that needs a second."""
        return self.sign_in(username)

    def in_browser(self, username: str) -> Caller:
        return self.with_token(self.sign_in(username).json["token"])

    def administrator(self) -> Caller:
        self.person("admin")
        return self.signed_in("admin")

    def deliver(self) -> None:
        with self.app.app_context():
            deliver(self.app)

    def mails(self, to: str) -> list[str]:
        """All mails to an address as they were sent, oldest first."""
        self.deliver()
        files = sorted(Path(self.app.extensions["settings"].data, "mail").glob("*.eml"))
        return [text for file in files if f"\nTo: {to}\n" in (text := file.read_text())]

    def link(self, to: str) -> str:
        """The token in the newest mail to an address."""
        return link_in(self.mails(to)[-1])

    def rows(self, table: str, where: str = "1 = 1") -> list[dict[str, Any]]:
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


def of(doors: Doors) -> Auth:
    """These doors with all of the above, and a signing key."""
    with doors.app.app_context():
        make_first()
    return Auth(doors.app, doors.signer)


def registered(doors: Doors, username: str, password: str) -> Auth:
    auth = of(doors)
    assert auth.register(username, password=password).status_code == 201
    return auth


def confirmed(doors: Doors, username: str, password: str) -> Auth:
    auth = registered(doors, username, password)
    assert auth.confirm(email_of(username)).status_code == 200
    return auth


def named(doors: Doors, username: str, password: str) -> None:
    auth = confirmed(doors, username, password)
    sent = {"name": f"{username.title()} Lee"}
    assert auth.signed_in(username, password).patch("/api/v1/users/me", json=sent).status_code == 200


def removed(doors: Doors, username: str, password: str) -> None:
    auth = confirmed(doors, username, password)
    sent = {"password": password}
    assert auth.signed_in(username, password).delete("/api/v1/users/me", json=sent).status_code == 202


def changed(doors: Doors, username: str, password: str) -> None:
    """Made a moderator, and one session has ended."""
    auth = confirmed(doors, username, password)
    assert auth.flask("users", "grant", email_of(username), "Moderator").exit_code == 0
    token = auth.signed_in(username, password).post("/api/v1/tokens/").json["token"]
    assert auth.with_token(token).delete("/api/v1/tokens/").status_code == 204
