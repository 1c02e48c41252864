"""Who follows whom, and timelines."""

from .calls import ask
from .shapes import Page, Post, Relationship, Tie, one


def timeline(user: int, page: int) -> Page[Post]:
    return Page(Post, "posts", ask("social", "GET", f"/api/v1/users/{user}/timeline/?page={page}"))


def followers(user: int, page: int) -> Page[Tie]:
    return Page(Tie, "followers", ask("social", "GET", f"/api/v1/users/{user}/followers/?page={page}"))


def following(user: int, page: int) -> Page[Tie]:
    return Page(Tie, "following", ask("social", "GET", f"/api/v1/users/{user}/following/?page={page}"))


def relationship(user: int) -> Relationship:
    """How the caller and somebody stand to each other."""
    return one(Relationship, ask("social", "GET", f"/api/v1/users/{user}/relationship"))


def follow(user: int) -> bool:
    """Whether that is new."""
    return ask("social", "PUT", f"/api/v1/users/{user}/follow").status == 201


def unfollow(user: int) -> None:
    ask("social", "DELETE", f"/api/v1/users/{user}/follow")
