"""What the world sends to posts and gets from it."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from chassis.links import Site
from chassis.paging import Paging, collection_of
from chassis.shapes import Moment, Shape, at_most, clean

PostText = Annotated[str, AfterValidator(clean), at_most(64 * 1024)]
CommentText = Annotated[str, AfterValidator(clean), at_most(8 * 1024)]


KIND = re.compile("^(post|comment)$")


def one_kind(kind: str) -> str:
    if not KIND.fullmatch(kind):
        raise ValueError("must be post or comment")
    return kind


KindOfText = Annotated[str, AfterValidator(one_kind), Field(json_schema_extra={"pattern": KIND.pattern})]


class Text(Shape):
    body: str | None = None

    @property
    def replacement(self) -> str | None:
        """What is put in place of a text: None if nothing was sent; null was, and is as empty as ""."""
        return self.body or "" if "body" in self.model_fields_set else None


class Draft(Text):
    """A post's text in Markdown. Everything else in the body is ignored."""

    body: PostText | None = None


class Remark(Text):
    """A comment's text in Markdown."""

    body: CommentText | None = None


class Preview(Shape):
    """A text to look at before it is sent."""

    body: PostText = ""
    kind: KindOfText = "post"


class Rendered(Shape):
    body_html: str


class Author(Shape):
    id: int
    username: str | None
    avatar_url: str
    url: str


class Post(Shape):
    id: int
    url: str
    body: str
    body_html: str
    timestamp: Moment
    author_url: str
    comments_url: str
    comment_count: int
    author: Author


class Comment(Shape):
    id: int
    url: str
    post_url: str
    body: str | None
    body_html: str | None
    timestamp: Moment
    disabled: bool
    author_url: str
    author: Author


Posts = collection_of("posts", Post, "Posts")
Comments = collection_of("comments", Comment, "Comments")


class PostsOf(Posts):  # type: ignore[misc,valid-type]
    """Somebody's posts; `comment_count` is how many comments that person has written."""

    comment_count: int


class Moderation(Paging):
    """`moderate=true` shows the text of disabled comments too; for moderators."""

    moderate: bool = False


def author(row: Any, here: Site) -> dict[str, Any]:
    return {
        "id": row["author_id"],
        "username": row["username"],
        "avatar_url": here.avatar_url(row["avatar_hash"]),
        "url": f"{here.url}/api/v1/users/{row['author_id']}",
    }


def post(row: Any, here: Site) -> dict[str, Any]:
    """A row of `queries.posts` as a `Post`."""
    url, writer = f"{here.url}/api/v1/posts/{row['id']}", author(row, here)
    return {
        "id": row["id"],
        "url": url,
        "body": row["body"],
        "body_html": row["body_html"],
        "timestamp": row["published_at"],
        "author_url": writer["url"],
        "comments_url": f"{url}/comments/",
        "comment_count": row["comment_count"],
        "author": writer,
    }


def comment(row: Any, here: Site, moderator: bool = False) -> dict[str, Any]:
    """A row of `queries.comments` as a `Comment`; a disabled one without its text, except for a moderator
    at work.
    """
    hidden, writer = row["disabled"] and not moderator, author(row, here)
    return {
        "id": row["id"],
        "url": f"{here.url}/api/v1/comments/{row['id']}",
        "post_url": f"{here.url}/api/v1/posts/{row['post_id']}",
        "body": None if hidden else row["body"],
        "body_html": None if hidden else row["body_html"],
        "timestamp": row["published_at"],
        "disabled": bool(row["disabled"]),
        "author_url": writer["url"],
        "author": writer,
    }
