"""Up to when copies are right, and how far the comparing of them has come."""

import sqlalchemy as sa
from alembic import op

from chassis.tables import BigId, audit_passes_table, freshness_table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in (freshness_table, audit_passes_table):
        table(sa.MetaData()).create(op.get_bind())
    label = sa.Column("label", sa.String(64), nullable=False)
    numbers = [sa.Column(name, BigId, nullable=False, server_default="0") for name in ("version", "alike")]
    op.create_table("seen", sa.Column("id", BigId, primary_key=True, autoincrement=False), label, *numbers)


def downgrade() -> None:
    for name in ("seen", "audit_passes", "freshness"):
        op.drop_table(name)
