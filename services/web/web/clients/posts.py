"""Posts and comments."""

from typing import NamedTuple

import orjson

from .calls import ask
from .shapes import Comment, Page, Post, one


class Version(NamedTuple):
    """A post, and the tag of the state that was read."""

    post: Post
    tag: str


class CommentVersion(NamedTuple):
    """The same of a comment."""

    comment: Comment
    tag: str


class Writings(Page[Post]):
    """One page of somebody's posts, and how many comments they have written."""

    @property
    def comment_count(self) -> int:
        return int(self.told.get("comment_count", 0))


def newest(page: int) -> Page[Post]:
    return Page(Post, "posts", ask("posts", "GET", f"/api/v1/posts/?page={page}"))


def of(user: int, page: int) -> Writings:
    return Writings(Post, "posts", ask("posts", "GET", f"/api/v1/users/{user}/posts/?page={page}"))


def post(id: int) -> Version:
    """Raises `NotFound`."""
    reply = ask("posts", "GET", f"/api/v1/posts/{id}")
    return Version(one(Post, reply), reply.header("etag"))


def publish(body: str, key: str) -> Post:
    return one(Post, ask("posts", "POST", "/api/v1/posts/", {"body": body}, Idempotency_Key=key))


def edit(id: int, body: str, tag: str) -> None:
    """Raises `Conflict` when the post is no longer as it was read."""
    ask("posts", "PUT", f"/api/v1/posts/{id}", {"body": body}, If_Match=tag or "*")


def remove(id: int) -> None:
    ask("posts", "DELETE", f"/api/v1/posts/{id}")


def comments_on(post: int, page: int) -> Page[Comment]:
    return Page(Comment, "comments", ask("posts", "GET", f"/api/v1/posts/{post}/comments/?page={page}"))


def comments_to_moderate(page: int) -> Page[Comment]:
    """All comments, newest first, with the texts of disabled ones."""
    return Page(Comment, "comments", ask("posts", "GET", f"/api/v1/comments/?moderate=true&page={page}"))


def comment(id: int) -> CommentVersion:
    """Raises `NotFound`."""
    reply = ask("posts", "GET", f"/api/v1/comments/{id}")
    return CommentVersion(one(Comment, reply), reply.header("etag"))


def comment_on(post: int, body: str, key: str) -> Comment:
    path = f"/api/v1/posts/{post}/comments/"
    return one(Comment, ask("posts", "POST", path, {"body": body}, Idempotency_Key=key))


def edit_comment(id: int, body: str, tag: str) -> None:
    """Raises `Conflict` as `edit` does."""
    ask("posts", "PUT", f"/api/v1/comments/{id}", {"body": body}, If_Match=tag or "*")


def remove_comment(id: int) -> None:
    ask("posts", "DELETE", f"/api/v1/comments/{id}")


def disable(id: int, disabled: bool) -> None:
    ask("posts", "PUT" if disabled else "DELETE", f"/api/v1/comments/{id}/disabled")


def preview(body: str, kind: str) -> str:
    """The HTML that readers would get."""
    reply = ask("posts", "POST", "/api/v1/preview", {"body": body, "kind": kind})
    return str(orjson.loads(reply.body)["body_html"])
