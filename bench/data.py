"""Fills a blog's databases directly, with copies that agree: what a year of use would have left.

`S` and `L` are the sizes of the design; people 1…N, everybody follows the same number of others, the first
author is followed by all.
"""

import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any

import psycopg
import sqlalchemy as sa

from auth.passwords import Hasher
from posts import markup

PASSWORD = "correct horse 7"
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
WORDS = [
    "water",
    "light",
    "morning",
    "garden",
    "letter",
    "street",
    "window",
    "paper",
    "music",
    "river",
    "bread",
    "story",
    "winter",
    "table",
    "friend",
    "engine",
]
PER_POST = 3
BUSY_POST_COMMENTS = 30
BATCH = 5000


@dataclass(frozen=True)
class Size:
    name: str
    people: int
    posts: int
    follows: int

    @property
    def comments(self) -> int:
        return self.posts * PER_POST


SIZES = {
    "XS": Size("XS", 100, 1_000, 10),
    "S": Size("S", 1_000, 20_000, 30),
    "M": Size("M", 5_000, 200_000, 50),
    "L": Size("L", 20_000, 1_000_000, 50),
}


class Content:
    """The rows of every table, in the order of its columns here."""

    def __init__(self, size: Size) -> None:
        self.size, chance = size, random.Random(7)
        texts = [" ".join(chance.choice(WORDS) for _ in range(95)) for _ in range(200)]
        bodies = [f"**{text[:40]}** {text[40:]}" for text in texts]
        self.bodies = [(body, markup.post(body)) for body in bodies]
        remarks = [" ".join(chance.choice(WORDS) for _ in range(12)) for _ in range(50)]
        self.remarks = [(remark, markup.comment(remark)) for remark in remarks]
        self.hash = Hasher(19 * 1024, 2).hashed(PASSWORD)
        self.newest_of: dict[int, tuple[datetime, int]] = {}
        for id in range(max(1, size.posts - 10 * size.people), size.posts + 1):
            self.newest_of[self.author(id)] = (self.moment(id), id)

    def author(self, post: int) -> int:
        return post * 7919 % self.size.people + 1

    def moment(self, post: int) -> datetime:
        return BEGAN + timedelta(seconds=post * 20)

    def posts_of(self, person: int) -> int:
        """How many; authors take turns, so everybody has as many as everybody else, give or take one."""
        whole, rest = divmod(self.size.posts, self.size.people)
        place = (person - 1) * pow(7919, -1, self.size.people) % self.size.people
        return whole + (1 <= place <= rest)

    def picture(self, person: int) -> str:
        return md5(f"user{person}@example.com".encode(), usedforsecurity=False).hexdigest()

    def people(self) -> Iterator[int]:
        return iter(range(1, self.size.people + 1))

    def users(self) -> Iterator[dict[str, Any]]:
        for id in self.people():
            yield {
                "id": id,
                "username": f"user{id}",
                "username_key": f"user{id}",
                "email": f"user{id}@example.com",
                "password_hash": self.hash,
                "role_id": 1,
                "confirmed": True,
                "disabled": False,
                "name": f"User Number {id}",
                "avatar_hash": self.picture(id),
                "member_since": BEGAN,
                "last_seen": BEGAN,
                "version": 1,
                "ver": 1,
                "password_ver": 1,
                "post_count": self.posts_of(id),
                "post_count_version": self.posts_of(id),
            }

    def person(self, id: int) -> dict[str, Any]:
        known = {"id": id, "username": f"user{id}", "name": f"User Number {id}"}
        return known | {"avatar_hash": self.picture(id), "version": 1, "removed": False}

    def posts(self) -> Iterator[dict[str, Any]]:
        for id in range(1, self.size.posts + 1):
            body, html = self.bodies[id % len(self.bodies)]
            comments = self.comments_on(id)
            yield {
                "id": id,
                "author_id": self.author(id),
                "body": body,
                "body_html": html,
                "published_at": self.moment(id),
                "version": 1,
                "comment_count": comments,
                "comment_count_version": comments,
            }

    def comments_on(self, post: int) -> int:
        """Post 1 has thirty; the others share the rest."""
        return BUSY_POST_COMMENTS if post == 1 else PER_POST

    def comments(self) -> Iterator[dict[str, Any]]:
        ids = itertools.count(1)
        for post in range(1, self.size.posts + 1):
            for number in range(self.comments_on(post)):
                body, html = self.remarks[(post + number) % len(self.remarks)]
                yield {
                    "id": next(ids),
                    "post_id": post,
                    "author_id": (post + number * 31) % self.size.people + 1,
                    "body": body,
                    "body_html": html,
                    "published_at": self.moment(post) + timedelta(seconds=number + 1),
                    "disabled": False,
                    "version": 1,
                }

    def tallies(self) -> Iterator[dict[str, Any]]:
        total = self.size.comments + BUSY_POST_COMMENTS - PER_POST
        for kind, number in (("posts", self.size.posts), ("comments", total)):
            yield {"kind": kind, "subject": 0, "shard": 0, "n": number, "version": 1}
        for id in self.people():
            n = self.posts_of(id)
            yield {"kind": "posts_of", "subject": id, "shard": 0, "n": n, "version": n}

    def follows(self) -> Iterator[tuple[int, int]]:
        """Everybody follows the first author and the next ones in the ring."""
        for id in self.people():
            others = {1} | {(id + step * 13) % self.size.people + 1 for step in range(self.size.follows)}
            yield from ((id, other) for other in sorted(others - {id}))

    def ties(self) -> Iterator[dict[str, Any]]:
        for number, (follower, followed) in enumerate(self.follows()):
            since = BEGAN + timedelta(seconds=number % 100_000)
            yield {
                "follower_id": follower,
                "followed_id": followed,
                "since": since,
                "active": True,
                "version": 1,
            }

    def cards(self) -> Iterator[dict[str, Any]]:
        return ({**post, "removed": False} for post in self.posts())

    def members(self) -> Iterator[dict[str, Any]]:
        followers: dict[int, int] = dict.fromkeys(self.people(), 0)
        following = dict(followers)
        for follower, followed in self.follows():
            following[follower] += 1
            followers[followed] += 1
        for id in self.people():
            at, newest = self.newest_of.get(id, (None, None))
            n = self.posts_of(id)
            counted = {"post_count": n, "post_count_version": n, "latest_at": at, "latest_id": newest}
            counted |= {"follower_count": followers[id], "following_count": following[id]}
            yield self.person(id) | counted


def fill(urls: dict[str, str], size: Size) -> None:
    """Into databases that are prepared and empty; `urls` by service."""
    content = Content(size)
    tables: dict[str, dict[str, Iterable[dict[str, Any]]]] = {
        "auth": {"users": content.users(), "tallies": iter([{"kind": "users", "n": size.people}])},
        "posts": {
            "people": map(content.person, content.people()),
            "posts": content.posts(),
            "comments": content.comments(),
            "tallies": content.tallies(),
        },
        "social": {"people": content.members(), "follows": content.ties(), "cards": content.cards()},
    }
    for service, filled in tables.items():
        copy = copy_postgres if urls[service].startswith("postgresql") else copy_sqlite
        copy(urls[service], filled)


def copy_postgres(url: str, tables: dict[str, Iterable[dict[str, Any]]]) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for table, rows in tables.items():
            rows = iter(rows)
            first = next(rows)
            columns = ", ".join(first)
            if table == "tallies":
                connection.execute("DELETE FROM tallies")
            with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as into:
                for row in itertools.chain([first], rows):
                    into.write_row(tuple(row.values()))
            if "id" in first and table not in ("people", "cards"):
                connection.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
                )
        connection.execute("VACUUM (ANALYZE)")


def copy_sqlite(url: str, tables: dict[str, Iterable[dict[str, Any]]]) -> None:
    engine = sa.create_engine(url)
    known = sa.MetaData()
    known.reflect(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA synchronous = OFF")
        for table, rows in tables.items():
            rows = iter(rows)
            if table == "tallies":
                connection.execute(sa.delete(known.tables[table]))
            while batch := list(itertools.islice(rows, BATCH)):
                connection.execute(sa.insert(known.tables[table]), batch)
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()
