"""What every service's `migrations/env.py` runs: Alembic on the service's own database, one process at a
time, while others serve.

Each migration is a transaction of its own: one that was broken off has not happened, and the next run goes on
behind the last one that has. What fills many rows does it in batches inside
`op.get_context().autocommit_block()`, each a transaction, in a migration of its own: the run after a broken
one only does the rest.
"""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import context
from flask import current_app

from .settings import settings

log = logging.getLogger("alembic.env")
LOCK = 0x6D696772  # "migr": one number for the advisory lock of this database
TURN = "120s"  # for somebody else's migration to end
# For a table that is in use, by a backup for example. Whoever comes after us waits behind us, and no request
# waits longer than 2.5 s; `prepare` tries again.
PATIENCE = "1s"


def run() -> None:
    """Upgrades (or downgrades) online; two `prepare` at once do it once."""
    db = current_app.extensions["sqlalchemy"]
    with itself(db.engine).connect() as connection, alone(connection):
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            compare_type=True,
            transaction_per_migration=True,
            transactional_ddl=True,  # of SQLite, too, because we begin its transactions ourselves
        )
        with context.begin_transaction():
            context.run_migrations()


def itself(engine: sa.Engine) -> sa.Engine:
    """The server itself, whatever pooler stands before it: a lock belongs to a connection."""
    if not settings.database_pooler:
        return engine
    return sa.create_engine(settings.database_url, poolclass=sa.NullPool, hide_parameters=True)


@contextmanager
def alone(connection: sa.Connection) -> Iterator[None]:
    """Waits for its turn. The lock outlives commits, and ends with the process at the latest."""
    if connection.dialect.name == "sqlite":
        with open(f"{connection.engine.url.database}.migrating", "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    turn = f"SET lock_timeout = '{TURN}'; SET statement_timeout = 0"
    for step in (turn, f"SELECT pg_advisory_lock({LOCK})", f"SET lock_timeout = '{PATIENCE}'"):
        connection.execute(sa.text(step))
    connection.commit()
    try:
        yield
    finally:
        connection.invalidate()  # with its settings and the lock
