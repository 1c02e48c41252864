"""HTTP in: parse, call, present."""

from typing import Any

from flask import Blueprint

from chassis.access import Answer, needs, no_content
from chassis.links import site
from chassis.paging import Paging, collection
from chassis.settings import settings
from chassis.tokens import Actor

from . import commands, queries, shapes
from .models import Permission

FOLLOW = Permission.FOLLOW
api = Blueprint("api", __name__, url_prefix="/api/v1")


@api.get("/users/<int:id>/timeline/")
@needs(gives=shapes.Timeline, refuses=(404,), fed=("auth", "posts"))
def timeline(reader: Actor, id: int, paging: Paging) -> Any:
    """The posts of the people whom somebody follows, and their own, newest first."""
    size = settings.posts_per_page
    count, rows = queries.timeline(id, reader, size, paging.offset(size))
    path = f"/api/v1/users/{id}/timeline/"
    here = site()
    found = [shapes.post(row, here) for row in rows]
    return collection("posts", found, count=count, page=paging.page, size=size, path=path)


@api.get("/users/<int:id>/followers/")
@needs(strangers=True, gives=shapes.Followers, refuses=(404,), fed=("auth",))
def followers(reader: Actor, id: int, paging: Paging) -> Any:
    """Who follows somebody, longest first."""
    size, count = settings.followers_per_page, queries.counts(id, reader)["follower_count"]
    rows, here = queries.followers(id, size, paging.offset(size)), site()
    ties = [shapes.tie(row, here) for row in rows]
    path = f"/api/v1/users/{id}/followers/"
    return collection("followers", ties, count=count, page=paging.page, size=size, path=path)


@api.get("/users/<int:id>/following/")
@needs(strangers=True, gives=shapes.Following, refuses=(404,), fed=("auth",))
def following(reader: Actor, id: int, paging: Paging) -> Any:
    """Whom somebody follows, longest first."""
    size, count = settings.followers_per_page, queries.counts(id, reader)["following_count"]
    rows, here = queries.following(id, size, paging.offset(size)), site()
    ties = [shapes.tie(row, here) for row in rows]
    path = f"/api/v1/users/{id}/following/"
    return collection("following", ties, count=count, page=paging.page, size=size, path=path)


@api.get("/users/<int:id>/relationship")
@needs(strangers=True, gives=shapes.Relationship, refuses=(404,), fed=("auth",))
def relationship(reader: Actor, id: int) -> Any:
    """How you and somebody stand to each other."""
    return shapes.relationship(queries.relationship(reader, id))


@api.put("/users/<int:id>/follow")
@needs(FOLLOW, gives=shapes.Relationship, also=(201,), refuses=(404, 409), fed=("auth",))
def follow(follower: Actor, id: int) -> Answer:
    """Follow somebody. Doing it again changes nothing."""
    new = commands.follow(follower, id)
    return Answer(shapes.relationship(queries.relationship(follower, id)), 201 if new else 200)


@api.delete("/users/<int:id>/follow")
@needs(FOLLOW, status=204, refuses=(404, 409), fed=("auth",))
def unfollow(follower: Actor, id: int) -> Answer:
    """Stop following somebody. Doing it again changes nothing."""
    commands.unfollow(follower, id)
    return no_content()
