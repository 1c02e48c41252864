from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Blueprint
from pydantic import SecretStr
from sqlalchemy.orm import Mapped, mapped_column

import chassis.settings
from chassis import outbox
from chassis.access import Answer, created, internal, needs, no_content, public
from chassis.audit import Copy, Counts
from chassis.backup import Restoring
from chassis.database import Database
from chassis.events import Event
from chassis.inbox import Consumers
from chassis.paging import Paging, collection, collection_of
from chassis.problems import NotFound
from chassis.service import create_service
from chassis.shapes import Line, Shape
from chassis.snapshots import number
from chassis.tables import BigId
from chassis.tokens import Actor

PACK = 2
MADE = "shop.box_made.v1"
db = Database()
api = Blueprint("api", __name__, url_prefix="/api/v1")
consumers = Consumers()


class Settings(chassis.settings.Settings):
    shop_url: str = ""
    label_secret: SecretStr = SecretStr("development-only-secret")


class Box(db.Model):
    __tablename__ = "boxes"
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    label: Mapped[str] = mapped_column(sa.String(64))
    version: Mapped[int] = mapped_column(BigId, default=1)


class Seen(db.Model):
    """A copy of a box, as a service would keep it that hears of boxes; and how many others have its label."""

    __tablename__ = "seen"
    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    label: Mapped[str] = mapped_column(sa.String(64))
    version: Mapped[int] = mapped_column(BigId)
    alike: Mapped[int] = mapped_column(BigId, default=0, server_default="0")


class BoxState(Shape):
    id: int
    label: str


class NewBox(Shape):
    label: Line


Boxes = collection_of("boxes", BoxState, "Boxes")


def exists(_: Actor, id: int) -> None:
    if db.value(sa.select(Box.id).where(Box.id == id)) is None:
        raise NotFound


@api.get("/boxes/")
@needs(gives=Boxes, fed=("shop",))
def boxes(paging: Paging) -> Any:
    found = db.rows(sa.select(Box.id, Box.label).order_by(Box.id).limit(2).offset(paging.offset(2)))
    count = db.value(sa.select(sa.func.count()).select_from(Box))
    items = [dict(row) for row in found]
    return collection("boxes", items, count=count, page=paging.page, size=2, path="/api/v1/boxes/")


def made(id: int) -> Answer:
    box = db.row(sa.select(Box.id, Box.label).where(Box.id == id))
    if box is None:
        raise NotFound
    taken_off = box["label"].startswith("off:")
    return created(BoxState.model_validate(dict(box)), at=f"/api/v1/boxes/{id}", instead=taken_off)


@api.post("/boxes/")
@needs(PACK, gives=BoxState, status=201, again=made)
def make(packer: Actor, new: NewBox) -> Answer:
    box = Box(label=new.label, version=1)
    db.session.add(box)
    db.session.flush()
    outbox.add(MADE, box.id, 1, BoxState(id=box.id, label=box.label))
    db.session.commit()
    return created(BoxState(id=box.id, label=box.label), at=f"/api/v1/boxes/{box.id}")


@api.put("/boxes/<int:id>")
@needs(PACK, status=204, first=exists)
def relabel(id: int, new: NewBox) -> Answer:
    db.session.execute(sa.update(Box).where(Box.id == id).values(label=new.label))
    db.session.commit()
    return no_content()


@api.get("/me")
@needs(confirmed=False)
def me(actor: Actor) -> dict[str, Any]:
    return {"id": actor.id, "confirmed": actor.confirmed}


@api.get("/shelf")
@needs(strangers=True)
def shelf(actor: Actor) -> dict[str, Any]:
    return {"asked_by": actor.id}


@api.get("/door")
@public()
def door() -> dict[str, Any]:
    return {"open": True}


@api.get("/break")
@public()
def break_down() -> None:
    raise ZeroDivisionError("the secret recipe")


@api.get("/slow")
@public()
def slow() -> dict[str, Any]:
    return {"n": db.value(sa.text("SELECT 42"))}


@api.get("/nowhere")
@public()
def nowhere() -> None:
    db.session.execute(sa.text("SELECT * FROM nowhere"))


back = Blueprint("back", __name__, url_prefix="/internal")


@back.get("/count")
@internal()
def count() -> dict[str, Any]:
    return {"count": db.value(sa.select(sa.func.count()).select_from(Box))}


@consumers.on(MADE, reads=BoxState)
def keep(event: Event) -> None:
    """A shop that hears of a box keeps it, the newest version only."""
    see(event)
    box = db.session.get(Box, 1000 + event.data.id)
    if box is None:
        db.session.add(Box(id=1000 + event.data.id, label=event.data.label, version=event.version))
    elif box.version <= event.version:
        box.label, box.version = event.data.label, event.version


def see(event: Event) -> None:
    if event.data.label == "poison":
        raise RuntimeError("this box cannot be kept")
    seen = db.session.get(Seen, event.data.id, with_for_update=True)
    if seen is None:
        db.session.add(Seen(id=event.data.id, label=event.data.label, version=event.version))
    elif seen.version <= event.version:
        seen.label, seen.version = event.data.label, event.version


OTHER = sa.orm.aliased(Seen)
ALIKE = sa.select(sa.func.count()).where(OTHER.label == Seen.label, OTHER.id != Seen.id).correlate(Seen)
consumers.keeps(
    Copy(
        "seen boxes",
        of=MADE,
        key=Seen.id,
        parts={"version": ("label",)},
        as_row=lambda event: {"label": event.data.label, "version": event.version},
    ),
    Counts(
        "alike",
        key=Seen.id,
        counted={"alike": ALIKE.scalar_subquery()},
        holds=lambda id: db.session.get(Seen, id, with_for_update=True),
    ),
)


def boxes_now(after: str, limit: int) -> list[Event]:
    query = sa.select(Box).where(Box.id < 1000, Box.id > number(after)).order_by(Box.id).limit(limit)
    boxes = (row.Box for row in db.objects(query))
    return [outbox.event(MADE, box.id, box.version, BoxState.model_validate(box)) for box in boxes]


def labels() -> set[str]:
    """Labels that are taken off for good are not to come back with a backup."""
    off = db.session.scalars(sa.select(Box.label).where(Box.label.startswith("off:")))
    return {label.removeprefix("off:") for label in off}


def keep_off(remembered: Sequence[str]) -> None:
    for label in remembered:
        db.session.execute(sa.update(Box).where(Box.label == label).values(label=f"off:{label}"))


def create_app(settings: Settings | None = None) -> Any:
    return create_service(
        "shop",
        settings or Settings.load("shop"),
        home=Path(__file__).parent,
        version="1.0.0",
        apis=[api, back],
        db=db,
        consumers=consumers,
        publishes={MADE: BoxState},
        snapshots={MADE: boxes_now},
        restoring=Restoring(owns=[Box.version], remembers=labels, settles=keep_off),
    )
