"""What pages read of the services' answers: only the fields that they show."""

from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar

import orjson

from chassis.shapes import Shape
from chassis.wire import Answer

Item = TypeVar("Item", bound=Shape)


class Author(Shape):
    """`username` is not there for a moment after somebody has registered."""

    id: int
    username: str | None
    avatar_url: str


class Post(Shape):
    id: int
    body: str
    body_html: str
    timestamp: datetime
    comment_count: int
    author: Author


class Comment(Shape):
    id: int
    post_url: str
    body: str | None
    body_html: str | None
    timestamp: datetime
    disabled: bool
    author: Author

    @property
    def post_id(self) -> int:
        return int(self.post_url.rpartition("/")[2])


class Person(Shape):
    id: int
    username: str
    member_since: datetime
    last_seen: datetime
    avatar_url: str
    post_count: int


class Profile(Person):
    name: str | None
    location: str | None
    about_me: str | None


class Role(Shape):
    id: int
    name: str


class Account(Profile):
    email: str
    role: Role
    confirmed: bool
    disabled: bool


class Session(Shape):
    id: str
    kind: str
    name: str
    agent: str
    address: str
    created: datetime
    last_seen: datetime
    current: bool


class SignedIn(Shape):
    """`max_age` in seconds, if the browser is to remember; `device` is what it is known by."""

    session: str
    max_age: int | None
    user_id: int
    device: str


class Begun(Shape):
    """A sign-in that needs a second step."""

    pending: str


class Ways(Shape):
    """How the second step may be done; `passkey` is what the browser is asked."""

    totp: bool
    passkey: dict[str, Any] | None


class Passkey(Shape):
    id: int
    name: str
    created: datetime
    last_used: datetime | None


class SecondFactor(Shape):
    enabled: bool
    required: bool
    totp: bool
    passkeys: list[Passkey]
    recovery_codes: int


class NewTotp(Shape):
    secret: str
    uri: str


class RecoveryCodes(Shape):
    recovery_codes: list[str]


class PasskeyOptions(Shape):
    pending: str
    options: dict[str, Any]


class Somebody(Shape):
    id: int
    username: str | None


class LogEntry(Shape):
    id: int
    at: datetime
    kind: str
    user: Somebody | None
    by: Somebody | None
    address: str
    agent: str
    detail: dict[str, Any]


class Log(Shape):
    entries: list[LogEntry]
    next: str | None


class Relationship(Shape):
    following: bool
    followed_by: bool
    follower_count: int
    following_count: int


class Tie(Shape):
    user: Author
    since: datetime


class Page(Generic[Item]):
    """One page of a list, and the length of the whole. It is looked at when somebody wants it: a page that
    was made before is shown again without.
    """

    def __init__(self, item: type[Item], key: str, reply: Answer) -> None:
        self._item, self._key, self._body = item, key, reply.body

    @cached_property
    def told(self) -> dict[str, Any]:
        return orjson.loads(self._body)

    @property
    def count(self) -> int:
        return int(self.told["count"])

    @cached_property
    def items(self) -> list[Item]:
        return [self._item.model_validate(one) for one in self.told[self._key]]


def one(shape: type[Item], reply: Answer) -> Item:
    return shape.model_validate(orjson.loads(reply.body))
