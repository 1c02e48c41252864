"""Which events belong to an answer that is kept under an Idempotency-Key."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("idempotency_keys", sa.Column("events", sa.Text))


def downgrade() -> None:
    op.drop_column("idempotency_keys", "events")
