"""Events in: what auth says of people, and posts of posts. Any may come twice, late, or before another."""

from typing import Any

from chassis.audit import Copy, Counts
from chassis.events import Event
from chassis.inbox import Consumers
from chassis.shapes import Id, Moment, Shape

from . import commands
from .commands import Count
from .models import Card, Person

consumers = Consumers()


class PersonRead(Shape):
    id: Id
    username: str
    name: str | None
    avatar_hash: str | None


class PersonGone(Shape):
    id: Id


class PostRead(Shape):
    id: Id
    author_id: Id
    body: str
    body_html: str
    published_at: Moment
    edited_at: Moment | None
    comment_count: int
    comment_count_version: int
    author_post_count: int
    author_post_count_version: int


class PostGone(Shape):
    id: Id
    author_id: Id
    author_post_count: int
    author_post_count_version: int


class AuthorCount(Shape):
    author_id: Id
    author_post_count: int
    author_post_count_version: int


class CommentRead(Shape):
    """Only the number of comments matters here."""

    post_id: Id
    post_comment_count: int
    post_comment_count_version: int


@consumers.on("auth.user_registered.v1", "auth.user_changed.v1", reads=PersonRead)
def keep_person(event: Event) -> None:
    person = event.data
    commands.keep_person(
        person.id,
        event.version,
        username=person.username,
        name=person.name,
        avatar_hash=person.avatar_hash,
        removed=False,
    )


@consumers.on("auth.user_removed.v1", reads=PersonGone)
def forget_person(event: Event) -> None:
    """A tombstone: neither late news of them nor a late post brings anything back."""
    commands.forget_person(event.data.id, event.version)


@consumers.on("posts.post_published.v1", "posts.post_edited.v1", reads=PostRead)
def keep_card(event: Event) -> None:
    post = event.data
    commands.keep_card(
        post.id,
        post.author_id,
        event.version,
        posts=Count(post.author_post_count, post.author_post_count_version),
        comments=Count(post.comment_count, post.comment_count_version),
        body=post.body,
        body_html=post.body_html,
        published_at=post.published_at,
        edited_at=post.edited_at,
    )


@consumers.on("posts.post_removed.v1", reads=PostGone)
def remove_card(event: Event) -> None:
    post = event.data
    posts = Count(post.author_post_count, post.author_post_count_version)
    commands.remove_card(post.id, post.author_id, event.version, posts)


@consumers.on(
    "posts.comment_published.v1",
    "posts.comment_moderated.v1",
    "posts.comment_removed.v1",
    reads=CommentRead,
)
def count_comments(event: Event) -> None:
    post = event.data
    count = Count(post.post_comment_count, post.post_comment_count_version)
    commands.count_comments(post.post_id, count)


# How copies are compared ------------------------------------------------------------------------------


def count_posts(event: Event) -> None:
    commands.keep_post_count(
        event.data.author_id, Count(event.data.author_post_count, event.data.author_post_count_version)
    )


def person_of(event: Event) -> dict[str, Any]:
    """What a state of auth's says of a row; of a removed person, nothing but that."""
    known = {name: getattr(event.data, name, None) for name in ("username", "name", "avatar_hash")}
    return known | {"removed": isinstance(event.data, PersonGone), "version": event.version}


def post_count_of(event: Event) -> dict[str, Any]:
    counted = event.data
    return {"post_count": counted.author_post_count, "post_count_version": counted.author_post_count_version}


def card_of(event: Event) -> dict[str, Any]:
    """What a state of posts' says of a card; of a removed post's only that it is gone."""
    post, texts = event.data, ("body", "body_html", "published_at", "edited_at")
    known = {name: getattr(post, name, None) for name in texts} | {"author_id": post.author_id}
    known |= {"removed": isinstance(post, PostGone), "version": event.version}
    if isinstance(post, PostGone):
        return known
    counted = ("comment_count", "comment_count_version")
    return known | {name: getattr(post, name) for name in counted}


def hold_person(id: int, state: Event | None) -> None:
    if state is None or isinstance(state.data, PersonGone):
        commands.hold_with_ties(id)


def hold_card(id: int, state: Event | None) -> None:
    commands.hold_author(id, state.data.author_id if state else None)


consumers.keeps(
    Copy(
        "people",
        of="auth.user_changed.v1",
        key=Person.id,
        parts={"version": ("username", "name", "avatar_hash", "removed")},
        as_row=person_of,
        holds=hold_person,
        drops=commands.drop_person,
    ),
    Copy(
        "numbers of posts",
        of="posts.author_counts",
        key=Person.id,
        parts={"post_count_version": ("post_count",)},
        as_row=post_count_of,
        reads=AuthorCount,
        takes=count_posts,
        absent={"post_count": 0, "post_count_version": 0},
    ),
    Copy(
        "cards",
        of="posts.post_published.v1",
        key=Card.id,
        parts={
            "version": ("author_id", "body", "body_html", "published_at", "edited_at", "removed"),
            "comment_count_version": ("comment_count",),
        },
        as_row=card_of,
        holds=hold_card,
        drops=commands.drop_card,
        keeps=lambda card: commands.kept_of(card["author_id"], dict(card)),
    ),
    Counts("numbers of people", key=Person.id, counted=commands.COUNTED, holds=commands.hold),
)
