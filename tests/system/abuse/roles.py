"""The people of the matrix: one for each role, and what belongs to them."""

import base64
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any

import requests

from chassis.testing.polling import eventually

from ..people import PASSWORD
from .site import Site
from .tokens import Mint

ROLES = ("none", "unconfirmed", "user", "author", "moderator", "administrator", "disabled", "removed")
FRESH = 120.0  # seconds
WITHDRAWN = ("disabled", "removed")  # whose tokens still live, and are good for nothing
SERVICES = Path(__file__).parents[3] / "services"
CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def contracts(service: str) -> dict[str, Any]:
    """The API document that a service promises."""
    return json.loads((SERVICES / service / "contract" / "openapi.json").read_text())


def set_by(answer: requests.Response) -> dict[str, str]:
    """The cookies that an answer sets."""
    lines = answer.raw.headers.getlist("Set-Cookie")
    return dict(line.partition(";")[0].split("=", 1) for line in lines)


@dataclass
class Actor:
    """Somebody with a role: `token` for programs, `cookies` and `csrf` for pages."""

    role: str
    id: int = 0
    username: str = ""
    email: str = ""
    token: str = ""
    session: str = ""
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""
    made: float = 0.0

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


class Cast:
    """Makes everybody once. `spare(role)` is a second person of a role, whose session may be lost."""

    def __init__(self, site: Site) -> None:
        self.site, self.kept = site, threading.local()
        self.tokens: dict[str, tuple[str, float]] = {}
        self.talked_about = 0
        self.root = site.root
        with ThreadPoolExecutor(8) as pool:
            roles = [role for role in ROLES if role != "removed" or self.can_leave()]
            self.actors = dict(zip(roles, pool.map(self.make, roles), strict=True))
            names = [role for role in roles if role not in ("none", *WITHDRAWN)]
            self.spares = dict(zip(names, pool.map(self.make, names), strict=True))
            self.olga = self.make("user")
            self.banned = self.make("user")
        for actor in (self.actors["disabled"], self.banned):
            self.administer(actor, disabled=True)
        self.gone_comment = self.gone("comment")
        self.gone_post = self.gone("post")
        if "removed" in self.actors:
            self.leave(self.actors["removed"])
        for actor in (*self.actors.values(), self.olga, self.banned):
            if actor.id:
                self.known(actor.id)
        for role in WITHDRAWN:
            self.withdrawn(self.actors[role])

    def ask(self, door: str, method: str, path: str, actor: Actor | None = None, **options: Any) -> Any:
        headers = (actor.bearer if actor else {}) | options.pop("headers", {})
        if cookies := options.pop("cookies", None):
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        url = f"http://127.0.0.1:{self.site.doors[door]}{path}"
        options.setdefault("allow_redirects", False)
        return self.connections().request(method, url, headers=headers, timeout=20, **options)

    def connections(self) -> requests.Session:
        """Kept connections of this thread; no cookies but those that a request brings."""
        if not hasattr(self.kept, "session"):
            self.kept.session = requests.Session()
            self.kept.session.trust_env = False
            self.kept.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return self.kept.session

    def make(self, role: str) -> Actor:
        if role == "none":
            return self.with_pages(Actor(role))
        person = self.site.blog.newcomer(role)
        if role != "unconfirmed":
            person.confirm()
        actor = Actor(role, person.id, person.username, person.email)
        if role in ("moderator", "administrator"):
            self.administer(actor, role=role.title())
        return self.with_pages(self.with_tokens(actor))

    def with_tokens(self, actor: Actor) -> Actor:
        given = {"kind": "password", "email": actor.email, "password": PASSWORD, "address": "192.0.2.7"}
        actor.token = self.internal("/internal/exchange", given)["token"]
        actor.made = time.monotonic()
        return actor

    def keep_fresh(self, actor: Actor) -> None:
        """Exchanged tokens live five minutes; a busy machine may need longer for the whole table."""
        for each in (actor, self.olga, self.actors["moderator"], self.actors["administrator"]):
            if each.token and each.role not in WITHDRAWN and time.monotonic() - each.made > FRESH:
                self.with_tokens(each)

    def with_pages(self, actor: Actor) -> Actor:
        """A browser's cookies: signed in unless a stranger, and with a form's token."""
        if actor.email:
            given = {"email": actor.email, "password": PASSWORD, "address": "192.0.2.7"}
            opened = self.internal("/internal/sessions", given)
            actor.cookies["session"], actor.session = opened["session"], opened["token"]
        form = "/auth/reset" if actor.role == "none" else "/auth/logout"
        page = self.ask("gateway", "GET", form, cookies=actor.cookies)
        actor.cookies |= set_by(page)
        found = CSRF.search(page.text)
        assert found, page.text
        actor.csrf = found[1]
        return actor

    def internal(self, path: str, given: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Internal {self.site.internal_secret}"}
        answer = self.ask("auth", "POST", path, json=given, headers=headers)
        assert answer.ok, answer.text
        return answer.json()

    def exchanged(self, session: str) -> str:
        """The token that the gateway gets for a cookie."""
        token, made = self.tokens.get(session, ("", 0.0))
        if not token or time.monotonic() - made > FRESH:
            token = self.internal("/internal/exchange", {"kind": "session", "session": session})["token"]
            self.tokens[session] = token, time.monotonic()
        return token

    def administer(self, actor: Actor, **changes: Any) -> None:
        assert self.root.patch(f"/users/{actor.id}", **changes).status_code == 200

    def can_leave(self) -> bool:
        """Whether accounts can be removed by their owners."""
        return "delete" in contracts("auth")["paths"]["/api/v1/users/me"]

    def leave(self, actor: Actor) -> None:
        """The account is removed by its owner."""
        answer = self.ask("gateway", "DELETE", "/api/v1/users/me", actor, json={"password": PASSWORD})
        assert answer.status_code in (202, 204), answer.text

    def known(self, id: int) -> None:
        """Every service has heard of somebody (or that they are gone)."""
        for service, what in (("posts", "posts"), ("social", "followers")):
            path = f"/api/v1/users/{id}/{what}/"
            wanted = 404 if "removed" in self.actors and id == self.actors["removed"].id else 200
            eventually(lambda s=service, p=path, w=wanted: self.ask(s, "GET", p, self.olga).status_code == w)

    def withdrawn(self, actor: Actor) -> None:
        """Every service has heard that somebody's token is good for nothing."""
        timeline = f"/api/v1/users/{actor.id}/timeline/"
        for service, path in (
            ("auth", "/api/v1/users/me"),
            ("posts", "/api/v1/posts/"),
            ("social", timeline),
        ):
            eventually(lambda s=service, p=path: self.ask(s, "GET", p, actor).status_code == 401)

    # what belongs to whom

    def before(self, owner: Actor) -> Actor:
        """Who writes something: with a good token, and who is banned, before that."""
        if owner.role not in WITHDRAWN:
            self.keep_fresh(owner)
            return owner
        return replace(owner, token=Mint(self.site, owner.id, owner.username).good())

    def post(self, owner: Actor) -> int:
        made = self.ask("posts", "POST", "/api/v1/posts/", self.before(owner), json={"body": "as it was"})
        assert made.status_code == 201, made.text
        return int(made.json()["id"])

    def comment(self, owner: Actor, disabled: bool = False) -> int:
        self.talked_about = self.talked_about or self.post(self.olga)
        path = f"/api/v1/posts/{self.talked_about}/comments/"
        made = self.ask("posts", "POST", path, self.before(owner), json={"body": "as it was"})
        assert made.status_code == 201, made.text
        id = int(made.json()["id"])
        if disabled:
            self.ask("posts", "PUT", f"/api/v1/comments/{id}/disabled", self.actors["moderator"])
        return id

    def gone(self, kind: str) -> int:
        id = getattr(self, kind)(self.olga)
        assert self.ask("posts", "DELETE", f"/api/v1/{kind}s/{id}", self.olga).status_code == 204
        return id

    def sid_of(self, owner: Actor) -> str:
        """The id of a new session of somebody, as the token says that comes with it."""
        given = {"email": owner.email, "password": PASSWORD, "address": "192.0.2.7"}
        claims = self.internal("/internal/sessions", given)["token"].split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(claims + "=="))["sid"])
