"""What is left to erase of people who are gone; whose data an event carries."""

import sqlalchemy as sa
from alembic import op

from chassis.tables import BigId, Timestamp

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KNOWN = sa.text("about IS NOT NULL")
LEAVING = sa.text("removed AND forgotten_at IS NULL")


def upgrade() -> None:
    op.add_column("people", sa.Column("forgotten_at", Timestamp))
    op.create_index("ix_people_leaving", "people", ["id"], postgresql_where=LEAVING, sqlite_where=LEAVING)  # blocks: no release has filled this table
    live = sa.text("removed_at IS NULL")
    op.create_index(  # blocks: no release has filled this table
        "ix_comments_author", "comments", ["author_id", "post_id", "id"], postgresql_where=live, sqlite_where=live
    )
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
    op.drop_index("ix_comments_author", "comments")
    op.drop_index("ix_people_leaving", "people")
    op.drop_column("people", "forgotten_at")
