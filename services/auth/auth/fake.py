"""`flask fake`: demo people, posts, comments and follows, made through the public API as anybody could."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click
import requests

if TYPE_CHECKING:
    from faker import Faker

PATIENCE = 60.0  # seconds to go on trying while the blog is busy
TIMEOUT = 10.0  # seconds for one answer
POLL = 0.05
PASSWORD_OF_ALL = "walk-the-flask"  # noqa: S105 - people who do not exist


class Refused(click.ClickException):
    """The blog answered with a problem; the message is the problem's own."""

    def __init__(self, asked: str, answer: requests.Response) -> None:
        self.status = answer.status_code
        super().__init__(f"{asked} was refused: {answer.status_code} {said(answer)}")


class Api:
    """The blog's public API, asked politely: waits as long as a busy answer says."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._http = requests.Session()
        self._http.trust_env = False

    def ask(self, method: str, path: str, who: Any = None, **body: Any) -> dict[str, Any]:
        """Sends `body` as JSON; `who` is a token, or e-mail and password. Raises Refused."""
        deadline = time.monotonic() + PATIENCE
        while (answer := self._send(method, path, who, body)).status_code in (429, 503):
            pause = float(answer.headers.get("Retry-After", "1"))
            if time.monotonic() + pause > deadline:
                break
            time.sleep(pause)
        if not answer.ok:
            raise Refused(f"{method} {path}", answer)
        return answer.json() if answer.content else {}

    def _send(self, method: str, path: str, who: Any, body: dict[str, Any]) -> requests.Response:
        by_password = isinstance(who, tuple)
        try:
            return self._http.request(
                method,
                f"{self.url}/api/v1{path}",
                json=body or None,
                auth=who if by_password else None,
                headers={"Authorization": f"Bearer {who}"} if who and not by_password else {},
                timeout=TIMEOUT,
            )
        except requests.ConnectionError:
            raise click.ClickException(f"nobody answers at {self.url}; is the blog running?") from None
        except requests.Timeout:
            raise click.ClickException(f"{self.url} did not answer within {TIMEOUT:.0f} s") from None

    def token(self, email: str, password: str) -> str:
        return self.ask("POST", "/tokens/", (email, password))["token"]

    def soon(self, method: str, path: str, who: Any = None, **body: Any) -> dict[str, Any]:
        """As `ask`, for what another service must hear of first: 404 is tried again for a while."""
        deadline = time.monotonic() + PATIENCE / 6
        while True:
            try:
                return self.ask(method, path, who, **body)
            except Refused as refused:
                if refused.status != requests.codes.not_found or time.monotonic() > deadline:
                    raise
                time.sleep(POLL)


def said(answer: requests.Response) -> str:
    """What a problem body says, with its field errors."""
    try:
        problem = answer.json()
        fields = [f"{item['field']}: {item['message']}" for item in problem.get("errors") or ()]
        return "; ".join([problem.get("message") or problem.get("detail") or problem["error"], *fields])
    except (ValueError, KeyError, TypeError):
        return answer.reason


@dataclass
class Person:
    id: int
    token: str


@dataclass
class Crowd:
    """Who and what has been made so far; the same seed makes the same content on an empty blog."""

    api: Api
    administrator: str
    random: random.Random
    faker: "Faker"
    people: list[Person] = field(default_factory=list)
    posts: list[int] = field(default_factory=list)
    follows: set[tuple[int, int]] = field(default_factory=set)

    def person(self) -> None:
        """Somebody new, confirmed by the administrator since nobody reads the mail."""
        email, made = self._registered()
        profile = {
            "name": self.faker.name(),
            "location": self.faker.city(),
            "about_me": self.faker.sentence(),
        }
        self.api.ask("PATCH", f"/users/{made['id']}", self.administrator, confirmed=True, **profile)
        self.people.append(Person(made["id"], self.api.token(email, PASSWORD_OF_ALL)))

    def _registered(self) -> tuple[str, dict[str, Any]]:
        """POST-10: where a name is taken, another is tried until the person exists."""
        while True:
            name = f"{self.faker.user_name()}{self.random.randrange(100):02d}"
            email = f"{name}@example.org"
            try:
                return email, self.api.ask(
                    "POST", "/users/", email=email, username=name, password=PASSWORD_OF_ALL
                )
            except Refused as refused:
                if refused.status != requests.codes.conflict:
                    raise

    def post(self) -> None:
        author = self.random.choice(self.people)
        made = self.api.soon("POST", "/posts/", author.token, body=self._markdown())
        self.posts.append(made["id"])

    def comment(self) -> None:
        author, post = self.random.choice(self.people), self.random.choice(self.posts)
        body = self.faker.sentence(self.random.randint(4, 14))
        self.api.soon("POST", f"/posts/{post}/comments/", author.token, body=body)

    def follow(self) -> None:
        possible = [
            (ann, bob)
            for ann in self.people
            for bob in self.people
            if ann is not bob and (ann.id, bob.id) not in self.follows
        ]
        if possible:
            follower, followed = self.random.choice(possible)
            self.follows.add((follower.id, followed.id))
            self.api.soon("PUT", f"/users/{followed.id}/follow", follower.token)

    def _markdown(self) -> str:
        first, *others = self.faker.sentences(self.random.randint(2, 5))
        word = self.random.choice(others[-1].rstrip(".").split())
        return f"**{first}** {' '.join(others).replace(word, f'*{word}*', 1)}"


def populate(
    api: Api,
    administrator: str,
    *,
    people: int = 20,
    posts: int = 60,
    comments: int = 120,
    follows: int = 100,
    seed: int = 1,
    say: Callable[[str], object] = click.echo,
) -> None:
    """Fills the blog; `administrator` is an administrator's token. Raises ClickException."""
    from faker import Faker  # here, so that serving does not load it

    faker = Faker()
    faker.seed_instance(seed)
    crowd = Crowd(api, administrator, random.Random(seed), faker)
    wanted = {
        "people": (people, crowd.person),
        "posts": (posts if people else 0, crowd.post),
        "comments": (comments if people and posts else 0, crowd.comment),
        "follows": (min(follows, people * (people - 1)), crowd.follow),
    }
    for name, (number, make) in wanted.items():
        say(f"{number} {name} …")
        for _ in range(number):
            make()


@click.command()
@click.option("--people", default=20, show_default=True, type=click.IntRange(0))
@click.option("--posts", default=60, show_default=True, type=click.IntRange(0))
@click.option("--comments", default=120, show_default=True, type=click.IntRange(0))
@click.option("--follows", default=100, show_default=True, type=click.IntRange(0))
@click.option("--url", default="http://localhost:8000", show_default=True, help="The blog's address.")
@click.option(
    "--admin-email", envvar="FLASKY_ADMIN", required=True, help="An administrator, who confirms people."
)
@click.option("--admin-password", envvar="ADMIN_PASSWORD", prompt=True, hide_input=True)
@click.option("--seed", default=1, show_default=True, help="The same number makes the same content.")
def fake(url: str, admin_email: str, admin_password: str, **wanted: int) -> None:
    """Make demo people, posts, comments and follows, through the public API."""
    api = Api(url)
    populate(api, api.token(admin_email, admin_password), **wanted)
