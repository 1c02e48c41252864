"""Events in: what auth says of people, and posts of posts. Any may come twice, late, or before another."""

from chassis.events import Event
from chassis.inbox import Consumers
from chassis.shapes import Id, Moment, Shape

from . import commands
from .commands import Count

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
    """A tombstone: a late "changed" has a lower version and cannot bring the person back."""
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
