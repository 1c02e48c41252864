"""What every service's `migrations/env.py` runs: Alembic on the service's own database, one process at a
time.
"""

import logging

import sqlalchemy as sa
from alembic import context
from flask import current_app

log = logging.getLogger("alembic.env")
LOCK = 0x6D696772  # "migr": one number for the advisory lock of this database


def run() -> None:
    """Upgrades (or downgrades) online, holding a lock so that two `prepare` at once do it once."""
    db = current_app.extensions["sqlalchemy"]
    with db.engine.connect() as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SET LOCAL lock_timeout = '120s'; SET LOCAL statement_timeout = 0"))
            connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()
