"""Ids are never given again, also after the newest rows have gone with a restored backup (SQLite)."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """PostgreSQL has sequences anyway. SQLite takes the highest id there is, unless it is told to remember."""
    if op.get_bind().dialect.name != "sqlite":
        return
    for table in ("posts", "comments"):
        with op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": True}):
            pass


def downgrade() -> None:
    """It does no harm to code that does not know of it."""
