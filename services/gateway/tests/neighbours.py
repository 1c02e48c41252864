"""The services behind a gateway under test: small real servers that write down what they get."""

import contextlib
import json
import socket
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from chassis.testing.service import Signer

SECRET = "the-internal-secret-of-these-tests"
PATIENCE = 15.0


@dataclass
class Asked:
    """A request as a service got it."""

    raw: bytes
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) <= 1, f"{name} came {len(found)} times"
        return found[0] if found else None

    def json(self) -> Any:
        return json.loads(self.body)


def answer(status: int = 200, body: bytes | Any = b"{}", *headers: str, length: bool = True) -> bytes:
    """An HTTP answer, byte for byte."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    if not any(line.lower().startswith("content-type") for line in lines):
        lines.append("Content-Type: application/json")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Service:
    """A server on raw sockets. `script[path]` is what it answers: bytes, or a function of request and socket.

    A function may return bytes; None means that it has done everything itself and the connection ends.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.asked: list[Asked] = []
        self.script: dict[str, Any] = {}
        self.connections = 0
        self._open: set[socket.socket] = set()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Refuses new connections and ends the old ones."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            self.end(connection)

    @staticmethod
    def end(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def at(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.target.partition("?")[0] == path]

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            reader = connection.makefile("rb")
            while asked := self._read(reader):
                self.asked.append(asked)
                said = self.say(asked, connection)
                if said is None:
                    return
                connection.sendall(said)
        except OSError:
            pass
        finally:
            self._open.discard(connection)
            connection.close()

    def _read(self, reader: Any) -> Asked | None:
        raw = b""
        while not raw.endswith(b"\r\n\r\n"):
            line = reader.readline()
            if not line:
                return None
            raw += line
        first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        body = reader.read(length)
        return Asked(raw + body, method, target, headers, body)

    def hold(self, path: str) -> threading.Event:
        """From now on it answers there only when this event is set."""
        go_on = threading.Event()
        self.script[path] = lambda asked, connection: answer() if go_on.wait(PATIENCE) else None
        return go_on

    def say(self, asked: Asked, connection: socket.socket) -> bytes | None:
        said = self.script.get(asked.target.partition("?")[0], answer())
        return said(asked, connection) if callable(said) else said


@dataclass
class Person:
    sub: str
    email: str
    password: str
    session: str
    version: int = 1
    sid: str = ""
    token: str = ""


class Auth(Service):
    """The auth service, as far as the gateway knows it."""

    def __init__(self) -> None:
        self.rotate()
        self.people: dict[str, Person] = {}
        self.changes: list[dict[str, Any]] = []
        self.revoked: list[dict[str, Any]] = []
        self.exchanges: Counter[str] = Counter()
        self.seen: dict[str, float] = {}
        self.issues = True  # as of the release after 1.1
        self.before_exchange: Callable[[dict[str, Any]], bytes | None] = lambda sent: None
        super().__init__()

    def person(self, **known: Any) -> Person:
        sub = str(uuid.uuid4().int % 10**15)
        session = uuid.uuid4().hex
        person = Person(sub, f"p{sub}@example.com", f"secret-{sub}", session, sid=f"s{sub}", **known)
        person.token = self.token(person)
        self.people[sub] = person
        return person

    def token(self, person: Person, **claims: Any) -> str:
        told = {"ver": person.version, "sid": person.sid} | claims
        return self.signer.token(int(person.sub), "x", 7, **told)

    def tokens(self, person: Person) -> dict[str, Any]:
        return {"token": f"of {person.sub}", "refresh_token": f"for {person.sub}"}

    def rotate(self) -> None:
        """A new key; the old one is no longer published."""
        self.folder = tempfile.TemporaryDirectory(prefix="keys-")
        self.signer = Signer(Path(self.folder.name))

    def change(self, person: Person) -> None:
        """The person's rights change: a higher version, in the list of changes."""
        person.version += 1
        self.changes.append({"sub": person.sub, "ver": person.version, "at": time.time()})

    def revoke(self, sid: str) -> None:
        self.revoked.append({"sid": sid, "at": time.time()})

    def say(self, asked: Asked, connection: socket.socket) -> bytes | None:
        path = asked.target.partition("?")[0]
        if path in self.script or not path.startswith(("/internal/", "/.well-known/")):
            return super().say(asked, connection)
        if path == "/.well-known/jwks.json":
            return answer(200, self.signer.jwks.read_bytes())
        if asked.header("Authorization") != f"Internal {SECRET}":
            return answer(401)
        doors = {"exchange": self._exchange, "changes": self._changes, "seen": self._seen}
        return doors[path.rpartition("/")[2]](asked)

    def _changes(self, asked: Asked) -> bytes:
        since = float(parse_qs(urlsplit(asked.target).query)["since"][0])
        found = {name: [one for one in told if one["at"] >= since - 5] for name, told in self._told().items()}
        return answer(200, {"now": time.time(), **found})

    def _told(self) -> dict[str, list[dict[str, Any]]]:
        return {"changes": self.changes, "revoked": self.revoked}

    def _seen(self, asked: Asked) -> bytes:
        self.seen |= asked.json()["seen"]
        return answer(204, b"")

    def _exchange(self, asked: Asked) -> bytes:
        sent = asked.json()
        self.exchanges[sent[sent["kind"]]] += 1
        early = self.before_exchange(sent)
        if early is not None:
            return early
        person = next((one for one in self.people.values() if self._is(one, sent)), None)
        if person is None:
            return answer(401, {"message": "Invalid credentials"})
        issued = {"issued": self.tokens(person)} if sent.get("issue") and self.issues else {}
        return answer(200, {"token": self.token(person), "expires_in": 300} | issued)

    def _is(self, person: Person, sent: dict[str, Any]) -> bool:
        if sent["kind"] == "password":
            return (sent["email"], sent["password"]) == (person.email, person.password)
        if sent["kind"] == "session":
            return sent["session"] == person.session
        claims = jwt.decode(sent["token"], options={"verify_signature": False})
        return claims["sub"] == person.sub
