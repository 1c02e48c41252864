"""`flask fake`: demo people, posts, comments and follows, made through the public API as anybody could."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flasky_client import Away, Flasky, Problem

if TYPE_CHECKING:
    from faker import Faker

PATIENCE = 60.0  # seconds to go on trying while the blog is busy
NEWS = 10.0  # seconds for one service to hear of what another has done
POLL = 0.05
NOT_FOUND, CONFLICT = 404, 409
PASSWORD_OF_ALL = "walk-the-flask"  # noqa: S105 - people who do not exist
Done = TypeVar("Done")


def at(url: str, patience: float = PATIENCE) -> Flasky:
    return Flasky(url, patience=patience)


def soon(act: Callable[[], Done]) -> Done:
    """For what another service must hear of first: what is not found yet is tried again for a while."""
    deadline = time.monotonic() + NEWS
    while True:
        try:
            return act()
        except Problem as problem:
            if problem.status != NOT_FOUND or time.monotonic() > deadline:
                raise
            time.sleep(POLL)


@dataclass
class Person:
    id: int
    blog: Flasky


@dataclass
class Crowd:
    """Who and what has been made so far; the same seed makes the same content on an empty blog."""

    url: str
    administrator: Flasky
    random: random.Random
    faker: "Faker"
    people: list[Person] = field(default_factory=list)
    posts: list[int] = field(default_factory=list)
    follows: set[tuple[int, int]] = field(default_factory=set)

    def person(self) -> None:
        """Somebody new, confirmed by the administrator since nobody reads the mail."""
        person, email = self._registered()
        self.administrator.administer(
            person.id,
            confirmed=True,
            name=self.faker.name(),
            location=self.faker.city(),
            about_me=self.faker.sentence(),
        )
        person.blog.sign_in(email, PASSWORD_OF_ALL)
        self.people.append(person)

    def _registered(self) -> tuple[Person, str]:
        """Where a name is taken, another is tried until the person exists."""
        blog = at(self.url)
        while True:
            name = f"{self.faker.user_name()}{self.random.randrange(100):02d}"
            email = f"{name}@example.org"
            try:
                return Person(blog.register(email, name, PASSWORD_OF_ALL)["id"], blog), email
            except Problem as problem:
                if problem.status != CONFLICT:
                    raise

    def post(self) -> None:
        author, body = self.random.choice(self.people), self._markdown()
        self.posts.append(soon(lambda: author.blog.publish(body))["id"])

    def comment(self) -> None:
        author, post = self.random.choice(self.people), self.random.choice(self.posts)
        body = self.faker.sentence(self.random.randint(4, 14))
        soon(lambda: author.blog.comment(post, body))

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
            soon(lambda: follower.blog.follow(followed.id))

    def _markdown(self) -> str:
        first, *others = self.faker.sentences(self.random.randint(2, 5))
        word = self.random.choice(others[-1].rstrip(".").split())
        return f"**{first}** {' '.join(others).replace(word, f'*{word}*', 1)}"


def populate(
    url: str,
    administrator: Flasky,
    *,
    people: int = 20,
    posts: int = 60,
    comments: int = 120,
    follows: int = 100,
    seed: int = 1,
    say: Callable[[str], object] = click.echo,
) -> None:
    """Fills the blog; an administrator confirms the people. Raises `Problem` or `Away`."""
    from faker import Faker  # here, so that serving does not load it

    faker = Faker()
    faker.seed_instance(seed)
    crowd = Crowd(url, administrator, random.Random(seed), faker)
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
@click.option("--patience", default=PATIENCE, show_default=True, help="Seconds to go on trying.")
@click.option("--seed", default=1, show_default=True, help="The same number makes the same content.")
def fake(url: str, admin_email: str, admin_password: str, patience: float, **wanted: Any) -> None:
    """Make demo people, posts, comments and follows, through the public API."""
    try:
        populate(url, at(url, patience).sign_in(admin_email, admin_password), **wanted)
    except Away as away:
        raise click.ClickException(f"{away}; is the blog running?") from None
    except Problem as problem:
        raise click.ClickException(str(problem)) from None
