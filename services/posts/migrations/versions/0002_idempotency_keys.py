"""Idempotency keys."""

import sqlalchemy as sa
from alembic import op

from chassis.tables import BigId, Timestamp

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", BigId, nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("made_at", Timestamp, nullable=False),
        sa.Column("subject", sa.String(200)),
        sa.Column("status", sa.SmallInteger),
        sa.Column("location", sa.Text),
        sa.Column("body", sa.LargeBinary),
        sa.PrimaryKeyConstraint("owner", "key"),
    )
    op.create_index("ix_idempotency_keys_made_at", "idempotency_keys", ["made_at"])


def downgrade() -> None:
    op.drop_table("idempotency_keys")
