"""Accounts can be removed; whose data an event or a mail carries."""

import sqlalchemy as sa
from alembic import op

from chassis.tables import BigId, Timestamp

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KNOWN = sa.text("about IS NOT NULL")
WAITING = sa.text("done_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "removals",
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("service", sa.String(16), nullable=False),
        sa.Column("requested_at", Timestamp, nullable=False),
        sa.Column("requested_by", BigId, nullable=False),
        sa.Column("asked_at", Timestamp, nullable=False),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("done_at", Timestamp),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("user_id", "service"),
    )
    op.create_index(
        "ix_removals_waiting", "removals", ["asked_at"], postgresql_where=WAITING, sqlite_where=WAITING
    )
    op.add_column("users", sa.Column("removed_at", Timestamp))
    op.add_column("mails", sa.Column("user_id", BigId))
    op.add_column("mails", sa.Column("last", sa.Boolean, server_default=sa.false(), nullable=False))
    op.create_index("ix_mails_user_id", "mails", ["user_id"])  # blocks: no release has filled this table
    op.create_index("ix_mails_to", "mails", ["to"])  # blocks: no release has filled this table
    op.create_index("ix_mails_created_at", "mails", ["created_at"])  # blocks: no release has filled this table
    for table in ("outbox", "parked"):
        op.add_column(table, sa.Column("about", BigId))
        op.create_index(  # blocks: no release has filled this table
            f"ix_{table}_about", table, ["about"], postgresql_where=KNOWN, sqlite_where=KNOWN
        )
    op.create_index("ix_parked_last_failed_at", "parked", ["last_failed_at"])  # blocks: no release has filled this table


def downgrade() -> None:
    op.drop_index("ix_parked_last_failed_at", "parked")
    for table in ("outbox", "parked"):
        op.drop_index(f"ix_{table}_about", table)
        op.drop_column(table, "about")
    for name in ("ix_mails_created_at", "ix_mails_to", "ix_mails_user_id"):
        op.drop_index(name, "mails")
    op.drop_column("mails", "last")
    op.drop_column("mails", "user_id")
    op.drop_column("users", "removed_at")
    op.drop_index("ix_removals_waiting", "removals")
    op.drop_table("removals")
