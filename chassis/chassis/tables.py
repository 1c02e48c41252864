"""The tables that every service has besides its own, and the types of columns on both databases."""

from datetime import UTC, datetime

import sqlalchemy as sa

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class Timestamp(sa.types.TypeDecorator[datetime]):
    """A point in time in UTC, aware on both databases."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None or value.tzinfo is UTC:
            return value
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def outbox_table(metadata: sa.MetaData) -> sa.Table:
    """Events of this service, written in the transaction of their cause. `sent_at` stays empty until the
    bus has confirmed; `about` is the person whose data the event carries, if it is anybody's.
    """
    table = sa.Table(
        "outbox",
        metadata,
        sa.Column("id", BigId, primary_key=True),
        sa.Column("event_id", sa.String(36), nullable=False, unique=True),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", Timestamp, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("sent_at", Timestamp),
        sa.Column("about", BigId),
    )
    unsent = table.c.sent_at.is_(None)
    sa.Index("ix_outbox_unsent", table.c.tries, table.c.id, postgresql_where=unsent, sqlite_where=unsent)
    sa.Index("ix_outbox_sent_at", table.c.sent_at)
    _index_about(table)
    return table


def inbox_table(metadata: sa.MetaData) -> sa.Table:
    """Ids of the events whose effect is in this database."""
    return sa.Table(
        "inbox",
        metadata,
        sa.Column("event_id", sa.String(200), primary_key=True),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("handled_at", Timestamp, nullable=False, index=True),
    )


def parked_table(metadata: sa.MetaData) -> sa.Table:
    """Messages that could not be handled: waiting for their next try, or (without one) for a person."""
    table = sa.Table(
        "parked",
        metadata,
        sa.Column("id", BigId, primary_key=True),
        sa.Column("event_id", sa.String(200), unique=True),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("code_version", sa.String(40), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("first_failed_at", Timestamp, nullable=False),
        sa.Column("last_failed_at", Timestamp, nullable=False, index=True),
        sa.Column("next_try_at", Timestamp, index=True),
        sa.Column("about", BigId),
    )
    _index_about(table)
    return table


def _index_about(table: sa.Table) -> None:
    known = table.c.about.isnot(None)
    sa.Index(f"ix_{table.name}_about", table.c.about, postgresql_where=known, sqlite_where=known)


def idempotency_table(metadata: sa.MetaData) -> sa.Table:
    """Requests that were done under a key of their caller's, with their answers and the names of the events
    that they caused.
    """
    return sa.Table(
        "idempotency_keys",
        metadata,
        sa.Column("owner", BigId, primary_key=True, autoincrement=False),
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("made_at", Timestamp, nullable=False, index=True),
        sa.Column("subject", sa.String(200)),
        sa.Column("status", sa.SmallInteger),
        sa.Column("location", sa.Text),
        sa.Column("body", sa.LargeBinary),
        sa.Column("events", sa.Text),
    )


def freshness_table(metadata: sa.MetaData) -> sa.Table:
    """Up to when everything that another service has said has its effect here."""
    source = sa.Column("source", sa.String(50), primary_key=True)
    return sa.Table("freshness", metadata, source, sa.Column("as_of", Timestamp, nullable=False))


def audit_passes_table(metadata: sa.MetaData) -> sa.Table:
    """How far the comparing of each copy with its owner has come, and when it last was through."""
    return sa.Table(
        "audit_passes",
        metadata,
        sa.Column("name", sa.String(50), primary_key=True),
        sa.Column("cursor", BigId, nullable=False),
        sa.Column("finished_at", Timestamp),
    )
