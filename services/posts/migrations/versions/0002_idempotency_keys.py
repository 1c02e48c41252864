"""Idempotency keys."""

import sqlalchemy as sa
from alembic import op

from chassis.tables import idempotency_table

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    idempotency_table(sa.MetaData()).create(op.get_bind())


def downgrade() -> None:
    op.drop_table("idempotency_keys")
