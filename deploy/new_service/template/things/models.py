"""Tables of things, and rules that need only one row."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from chassis.database import Database
from chassis.tables import BigId, Timestamp

db = Database()


class Thing(db.Model):
    """A thing of somebody's."""

    __tablename__ = "things"
    __table_args__ = (sa.Index("ix_things_owner", "owner_id", "made_at", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigId)
    name: Mapped[str] = mapped_column(sa.String(64))
    made_at: Mapped[datetime] = mapped_column(Timestamp)
    version: Mapped[int] = mapped_column(BigId, default=1)
