"""What the world gets from social. A post looks exactly as posts shows it: a contract test compares them."""

from typing import Any

from chassis.links import Site
from chassis.paging import collection_of
from chassis.shapes import Moment, Shape


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


class Tie(Shape):
    """Somebody in a list of followers, or of those who are followed, and since when."""

    user: Author
    since: Moment


class Relationship(Shape):
    """The caller and somebody: `following` is the caller's doing, `followed_by` the other's."""

    user_id: int
    following: bool
    followed_by: bool
    since: Moment | None
    follower_count: int
    following_count: int


Timeline = collection_of("posts", Post, "Timeline")
Followers = collection_of("followers", Tie, "Followers")
Following = collection_of("following", Tie, "Following")


def person(id: int, row: Any, here: Site) -> dict[str, Any]:
    return {
        "id": id,
        "username": row["username"],
        "avatar_url": here.avatar_url(row["avatar_hash"]),
        "url": f"{here.url}/api/v1/users/{id}",
    }


def post(row: Any, here: Site) -> dict[str, Any]:
    """A row of `queries.timeline` as a `Post`."""
    url, writer = f"{here.url}/api/v1/posts/{row['id']}", person(row["author_id"], row, here)
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


def tie(row: Any, here: Site) -> dict[str, Any]:
    """A row of `queries.followers` or `queries.following` as a `Tie`."""
    return {"user": person(row["person_id"], row, here), "since": row["since"]}


def relationship(row: Any) -> dict[str, Any]:
    """A row of `queries.relationship` as a `Relationship`."""
    since = row["since"]
    return {
        "user_id": row["user_id"],
        "following": since is not None,
        "followed_by": bool(row["followed_by"]),
        "since": since,
        "follower_count": row["follower_count"],
        "following_count": row["following_count"],
    }
