"""How many comments each person has written."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        sa.text(
            "INSERT INTO tallies (kind, subject, shard, n, version)"
            " SELECT 'comments_of', author_id, 0, count(*), 1 FROM comments"
            " WHERE removed_at IS NULL GROUP BY author_id"
        )
    )


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM tallies WHERE kind = 'comments_of'"))
