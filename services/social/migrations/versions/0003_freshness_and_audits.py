"""Up to when copies are right, and how far the comparing of them has come."""

import sqlalchemy as sa
from alembic import op

from chassis.tables import audit_passes_table, freshness_table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in (freshness_table, audit_passes_table):
        table(sa.MetaData()).create(op.get_bind())


def downgrade() -> None:
    for name in ("audit_passes", "freshness"):
        op.drop_table(name)
