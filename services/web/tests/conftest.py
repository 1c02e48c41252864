"""The pages over the real services: auth, posts and social run in this process, each on its own port.

`Browser` is a person at the pages. It does what the gateway does: the session's cookie becomes a token.
"""

import html
import itertools
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.test import TestResponse

from auth import app as auth
from auth.keys import make_first
from auth.mailer import deliver
from chassis.bus import Delivery
from chassis.inbox import receive
from chassis.testing.service import INTERNAL, Doors, Signer, Template, dispose
from posts import app as posts
from social import app as social
from web import app as web

ADMINISTRATOR = "root@example.com"
PASSWORD = "correct horse 7"
SMALL = {"posts_per_page": 5, "comments_per_page": 3, "followers_per_page": 3, "users_per_page": 4}
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
KEY = re.compile(r'name="key"[^>]*value="([^"]+)"')
numbers = itertools.count(1)


@dataclass
class Part:
    """One service: the application, served on a port that it can be taken from and given back to."""

    app: Flask
    port: int = 0
    server: BaseWSGIServer | None = None

    def start(self) -> None:
        self.server = make_server("127.0.0.1", self.port, self.app, threaded=True)
        self.port = self.server.port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


@dataclass
class Site:
    """All of it."""

    parts: dict[str, Part]
    app: Flask
    data: Path
    signer: Signer
    mails: list[str] = field(default_factory=list)

    def pump(self) -> None:
        """What the workers do: every event to whoever listens, until there is none."""
        with self.parts["auth"].app.app_context():
            deliver(self.parts["auth"].app)
        events = [event for part in self.parts.values() for event in Doors(part.app, self.signer).outbox()]
        for event in events:
            for part in self.parts.values():
                if event.type in part.app.extensions["consumers"].types:
                    receive(part.app, [Delivery(event.type, event.to_json())])

    def internal(self, path: str, **body: Any) -> Any:
        client = self.parts["auth"].app.test_client()
        return client.post(path, json=body, headers={"Authorization": f"Internal {INTERNAL}"})

    def link(self, address: str, purpose: str) -> str:
        """The path of the newest link of a kind that was mailed to an address."""
        self.pump()
        files = sorted((self.data / "mail").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
        mails = [file.read_text().replace("=\n", "") for file in files]
        mine = [text for text in mails if f"To: {address}" in text and f"/auth/{purpose}/" in text]
        return re.search(rf"/auth/{purpose}/[\w-]+", mine[-1])[0]

    def stranger(self) -> "Browser":
        return Browser(self)

    def newcomer(self, name: str = "ann") -> "Browser":
        """Somebody who has registered and logged in, but not confirmed."""
        browser = Browser(self, f"{name}.{next(numbers)}")
        browser.register()
        browser.log_in()
        return browser

    def member(self, name: str = "ann") -> "Browser":
        browser = self.newcomer(name)
        browser.post(self.link(browser.email, "confirm"))
        return browser

    def administrator(self) -> "Browser":
        browser = Browser(self, "root", ADMINISTRATOR)
        if browser.register().status_code == 303:
            browser.log_in()
            browser.post(self.link(ADMINISTRATOR, "confirm"))
        else:
            browser.log_in()
        return browser

    def moderator(self) -> "Browser":
        browser = self.member("mod")
        root = self.administrator()
        root.post(f"/edit-profile/{browser.id}", role=2, **root.form(f"/edit-profile/{browser.id}", "role"))
        return browser


class Browser:
    """A person at the pages. Without a name: a stranger."""

    def __init__(self, site: Site, name: str = "", email: str = "") -> None:
        self.site, self.name, self.email = site, name, email or f"{name.lower()}@example.com"
        self.http = site.app.test_client()

    def open(self, method: str, path: str, **options: Any) -> TestResponse:
        """One request, as the gateway would send it."""
        self.site.pump()
        headers = dict(options.pop("headers", {}))
        if token := self.token():
            headers["Authorization"] = f"Bearer {token}"
        return self.http.open(path, method=method, headers=headers, **options)

    def token(self) -> str:
        cookie = self.http.get_cookie("session")
        if cookie is None or not cookie.value:
            return ""
        told = self.site.internal("/internal/exchange", kind="session", session=cookie.value)
        return told.json["token"] if told.status_code == 200 else ""

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.open("GET", path, **options)

    def text(self, path: str) -> str:
        """A page that must be there, followed through redirects."""
        answer = self.get(path)
        while answer.status_code in (301, 302, 303):
            answer = self.get(answer.headers["Location"])
        assert answer.status_code == 200, answer.text
        return answer.text

    def csrf(self) -> str:
        return TOKEN.search(self.get("/auth/login").text)[1]

    def post(self, path: str, **fields: Any) -> TestResponse:
        """A form, with its CSRF token."""
        return self.open("POST", path, data={"csrf_token": self.csrf(), **fields})

    def submit(self, path: str, **fields: Any) -> str:
        """A form that must succeed; the page it leads to."""
        answer = self.post(path, **fields)
        assert answer.status_code == 303, answer.text
        return self.text(answer.headers["Location"])

    def form(self, path: str, *but: str) -> dict[str, str]:
        """What the fields of a page's form say now."""
        return self.form_in(self.get(path), *but)

    def form_in(self, answer: TestResponse, *but: str) -> dict[str, str]:
        page, found = answer.text, {}
        for tag in re.findall(r"<input [^>]+>", page):
            name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
            if name and ('type="checkbox"' not in tag or "checked" in tag):
                found[name[1]] = value[1] if value else ""
        found |= dict(re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>\s*([^<]*)</textarea>', page))
        if chosen := re.search(r'<option selected value="([^"]+)"', page):
            found["role"] = chosen[1]
        unwanted = ("csrf_token", "submit", "id", *but)
        return {name: html.unescape(text) for name, text in found.items() if name not in unwanted}

    def register(self) -> TestResponse:
        fields = {"email": self.email, "username": self.name, "password": PASSWORD, "password2": PASSWORD}
        return self.post("/auth/register", **fields)

    def log_in(self, password: str = PASSWORD, to: str = "", **more: str) -> TestResponse:
        return self.post(f"/auth/login{to}", email=self.email, password=password, **more)

    @property
    def id(self) -> int:
        with self.site.parts["auth"].app.test_client() as client:
            headers = {"Authorization": f"Internal {INTERNAL}"}
            return client.get(f"/api/v1/users/?username={self.name}", headers=headers).json["users"][0]["id"]

    def publish(self, body: str) -> int:
        """Writes a post; its id."""
        self.submit("/", body=body)
        page = self.text("/")
        return max(map(int, re.findall(r'id="post-(\d+)"', page)))

    def comment(self, post: int, body: str) -> int:
        page = self.submit(f"/post/{post}", body=body)
        return max(map(int, re.findall(r'id="comment-(\d+)"', page)))


def made_with(module: Any, given: dict[str, Any], url: str) -> Flask:
    return module.create_app(module.Settings(database_url=url, **given))


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    signer = Signer(folder)
    made: dict[str, Part] = {}
    common = {"internal_secret": INTERNAL, "environment": "testing", "log_level": "CRITICAL", "data": folder}
    common |= {"bus_url": f"sqlite:///{folder}/bus.sqlite", "public_url": "http://localhost"}
    cheap = {"password_memory": 8, "password_rounds": 1, "admin": ADMINISTRATOR}
    for name, module, told in (("auth", auth, cheap), ("posts", posts, {}), ("social", social, {})):
        keys = {"jwks_url": f"http://127.0.0.1:{made['auth'].port}/.well-known/jwks.json"} if made else {}
        sizes = {size: n for size, n in SMALL.items() if size in module.Settings.model_fields}

        given = common | sizes | told | keys
        make = partial(made_with, module, given)
        Template(name, make, folder, "embedded")
        made[name] = Part(make(f"sqlite:///{folder}/{name}.sqlite"))
        if name == "auth":
            with made[name].app.app_context():
                make_first()
        made[name].start()
    urls = {f"{name}_url": f"http://127.0.0.1:{part.port}" for name, part in made.items()}
    app = web.create_app(web.Settings(**common, **urls, **SMALL))
    yield Site(made, app, folder, signer)
    for part in made.values():
        part.stop()
        dispose(part.app)


@pytest.fixture
def site(everything: Site) -> Iterator[Site]:
    """Every part is there again afterwards."""
    yield everything
    for part in everything.parts.values():
        if part.server is None:
            part.start()
    for wire in everything.app.extensions["wires"].values():
        wire._breaker.succeeded()


@pytest.fixture
def ann(site: Site) -> Browser:
    return site.member("ann")


@pytest.fixture
def ben(site: Site) -> Browser:
    return site.member("ben")
