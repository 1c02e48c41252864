"""Boxes, and the tables of the chassis."""

import sqlalchemy as sa
from alembic import op

from chassis.tables import BigId, inbox_table, outbox_table, parked_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    label = sa.Column("label", sa.String(64), nullable=False)
    version = sa.Column("version", BigId, nullable=False)
    op.create_table(
        "boxes", sa.Column("id", BigId, primary_key=True), label, version, sqlite_autoincrement=True
    )
    for table in (outbox_table, inbox_table, parked_table):
        table(sa.MetaData()).create(op.get_bind())


def downgrade() -> None:
    for name in ("parked", "inbox", "outbox", "boxes"):
        op.drop_table(name)
