"""People who use the blog through its one public address, and read their mail."""

import email
import email.policy
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from chassis.testing.polling import eventually
from deploy.local.stack import Stack

PASSWORD = "correct horse 7"


@dataclass
class Blog:
    """A running blog."""

    stack: Stack

    @property
    def url(self) -> str:
        return self.stack.url

    def mail(self, address: str, purpose: str) -> str:
        """The token of the newest mail to an address: `confirm`, `reset` or `change-email`."""

        def newest() -> str:
            for path in sorted(
                (self.stack.data / "mail").glob("*.eml"),
                key=lambda path: path.stat().st_mtime_ns,
                reverse=True,
            ):
                message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                body = message.get_body(("plain",))
                link = re.search(
                    rf"{re.escape(self.stack.public_url)}/auth/{purpose}/(\S+)",
                    body.get_content() if body else "",
                )
                if link and address in str(message["To"]):
                    return link[1]
            return ""

        return eventually(newest)

    def stranger(self) -> "Person":
        return Person(self, "", "")

    def newcomer(self, name: str) -> "Person":
        """Somebody who has registered, with a name nobody else has."""
        unique = f"{name}.{uuid.uuid4().hex[:6]}"
        person = Person(self, unique, f"{unique}@example.com")
        answer = person.post("/users/", email=person.email, username=unique, password=PASSWORD)
        assert answer.status_code == 201, answer.text
        person.id = answer.json()["id"]
        return person

    def member(self, name: str) -> "Person":
        """Somebody who has registered, confirmed, and has a token."""
        person = self.newcomer(name)
        person.confirm()
        person.sign_in()
        return person

    def administrator(self) -> "Person":
        """The one administrator of this blog, who came by confirming the address that the settings name."""
        person = Person(self, "root", self.stack.administrator)
        if person.post("/users/", email=person.email, username="root", password=PASSWORD).status_code == 201:
            person.confirm()
        person.sign_in()
        person.id = person.get("/users/me").json()["id"]
        return person


class Person:
    """A client of the API, by Bearer token once signed in."""

    def __init__(self, blog: Blog, username: str, address: str) -> None:
        self.blog, self.username, self.email = blog, username, address
        self.id = 0
        self.token = ""
        self.secret = ""  # of an authenticator app
        self.http = requests.Session()
        self.http.trust_env = False

    def ask(self, method: str, path: str, json: Any = None, **options: Any) -> requests.Response:
        """`path` is below /api/v1, or a whole address."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token and "auth" not in options else {}
        headers |= options.pop("headers", {})
        url = path if path.startswith("http") else f"{self.blog.url}/api/v1{path}"
        return self.http.request(method, url, json=json, headers=headers, timeout=20, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.ask("GET", path, **options)

    def post(self, path: str, **body: Any) -> requests.Response:
        return self.ask("POST", path, json=body)

    def put(self, path: str, **body: Any) -> requests.Response:
        return self.ask("PUT", path, json=body or None)

    def patch(self, path: str, **body: Any) -> requests.Response:
        return self.ask("PATCH", path, json=body)

    def delete(self, path: str) -> requests.Response:
        return self.ask("DELETE", path)

    def confirm(self) -> None:
        answer = self.post("/users/confirm", token=self.blog.mail(self.email, "confirm"))
        assert answer.status_code == 200, answer.text

    def sign_in(self) -> dict[str, Any]:
        answer = self.ask("POST", "/tokens/", auth=(self.email, PASSWORD))
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["token"]
        return answer.json()

    def timeline(self) -> list[dict[str, Any]]:
        return self.get(f"/users/{self.id}/timeline/").json()["posts"]


def settled(question: Callable[[], Any]) -> Any:
    """Other people's news need a moment; one's own do not."""
    return eventually(question, within=10)
