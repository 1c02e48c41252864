"""Every read of things. One statement each; a second one only by primary key."""

import sqlalchemy as sa

from chassis.database import Row, Rows
from chassis.problems import NotFound

from .models import Thing, db

ROW = sa.select(Thing.id, Thing.owner_id, Thing.name, Thing.made_at)
MINE = Thing.owner_id == sa.bindparam("owner")
PAGE = (
    ROW.where(MINE)
    .order_by(Thing.made_at.desc(), Thing.id.desc())
    .limit(sa.bindparam("size", type_=sa.Integer))
    .offset(sa.bindparam("offset", type_=sa.Integer))
)
ONE = ROW.where(Thing.id == sa.bindparam("id"))
COUNT = sa.select(sa.func.count()).select_from(Thing).where(MINE)


def things_of(owner: int, size: int, offset: int) -> Rows:
    """A person's, newest first."""
    return db.rows(PAGE, {"owner": owner, "size": size, "offset": offset})


def how_many(owner: int) -> int:
    """Through the index of one person's things; a number of the whole table would be kept, not counted."""
    return int(db.value(COUNT, {"owner": owner}))


def thing(id: int) -> Row:
    """One thing. Raises `NotFound`."""
    row = db.row(ONE, {"id": id})
    if row is None:
        raise NotFound
    return row
