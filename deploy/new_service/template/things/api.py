"""HTTP in: parse, call, present."""

from typing import Any

from flask import Blueprint

from chassis.access import Answer, created, needs
from chassis.paging import Paging, collection
from chassis.settings import settings
from chassis.tokens import Actor

from . import commands, queries, shapes

api = Blueprint("api", __name__, url_prefix="/api/v1")


@api.get("/things/")
@needs(gives=shapes.Things)
def things(owner: Actor, paging: Paging) -> Any:
    """Your things, newest first."""
    size = settings.things_per_page
    found = [shapes.thing(row) for row in queries.things_of(owner.id, size, paging.offset(size))]
    count = queries.how_many(owner.id)
    return collection("things", found, count=count, page=paging.page, size=size, path="/api/v1/things/")


def made(id: int) -> Answer:
    shown = shapes.thing(queries.thing(id))
    return created(shown, at=shown["url"])


@api.post("/things/")
@needs(gives=shapes.Thing, status=201, again=made)
def make(owner: Actor, wish: shapes.Wish) -> Answer:
    """Make a thing."""
    return made(commands.make(owner, wish.name).id)


@api.get("/things/<int:id>")
@needs(gives=shapes.Thing, refuses=(404,))
def thing(id: int) -> Any:
    """One thing."""
    return shapes.thing(queries.thing(id))
