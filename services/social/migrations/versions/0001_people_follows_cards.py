"""people, follows, cards"""

import sqlalchemy as sa
from alembic import op

from chassis.tables import BigId, Timestamp

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('cards',
    sa.Column('id', BigId, autoincrement=False, nullable=False),
    sa.Column('author_id', BigId, nullable=True),
    sa.Column('body', sa.Text(), nullable=True),
    sa.Column('body_html', sa.Text(), nullable=True),
    sa.Column('published_at', Timestamp(), nullable=True),
    sa.Column('edited_at', Timestamp(), nullable=True),
    sa.Column('version', BigId, server_default='0', nullable=False),
    sa.Column('comment_count', BigId, server_default='0', nullable=False),
    sa.Column('comment_count_version', BigId, server_default='0', nullable=False),
    sa.Column('removed', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    with op.batch_alter_table('cards', schema=None) as batch_op:
        batch_op.create_index('ix_cards_author', ['author_id', 'published_at', 'id'], unique=False, postgresql_where=sa.text('published_at IS NOT NULL'), sqlite_where=sa.text('published_at IS NOT NULL'))

    op.create_table('follows',
    sa.Column('follower_id', BigId, autoincrement=False, nullable=False),
    sa.Column('followed_id', BigId, autoincrement=False, nullable=False),
    sa.Column('since', Timestamp(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('version', BigId, nullable=False),
    sa.CheckConstraint('follower_id <> followed_id', name='ck_follows_not_oneself'),
    sa.PrimaryKeyConstraint('follower_id', 'followed_id')
    )
    with op.batch_alter_table('follows', schema=None) as batch_op:
        batch_op.create_index('ix_follows_followers', ['followed_id', 'since', 'follower_id'], unique=False, postgresql_where=sa.text('active'), sqlite_where=sa.text('active'))
        batch_op.create_index('ix_follows_following', ['follower_id', 'since', 'followed_id'], unique=False, postgresql_where=sa.text('active'), sqlite_where=sa.text('active'))

    op.create_table('inbox',
    sa.Column('event_id', sa.String(length=200), nullable=False),
    sa.Column('type', sa.String(length=100), nullable=False),
    sa.Column('handled_at', Timestamp(), nullable=False),
    sa.PrimaryKeyConstraint('event_id')
    )
    with op.batch_alter_table('inbox', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_inbox_handled_at'), ['handled_at'], unique=False)

    op.create_table('outbox',
    sa.Column('id', BigId, nullable=False),
    sa.Column('event_id', sa.String(length=36), nullable=False),
    sa.Column('type', sa.String(length=100), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', Timestamp(), nullable=False),
    sa.Column('tries', sa.Integer(), server_default='0', nullable=False),
    sa.Column('sent_at', Timestamp(), nullable=True),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('event_id')
    )
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.create_index('ix_outbox_sent_at', ['sent_at'], unique=False)
        batch_op.create_index('ix_outbox_unsent', ['tries', 'id'], unique=False, postgresql_where=sa.text('sent_at IS NULL'), sqlite_where=sa.text('sent_at IS NULL'))

    op.create_table('parked',
    sa.Column('id', BigId, nullable=False),
    sa.Column('event_id', sa.String(length=200), nullable=True),
    sa.Column('type', sa.String(length=100), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('code_version', sa.String(length=40), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('first_failed_at', Timestamp(), nullable=False),
    sa.Column('last_failed_at', Timestamp(), nullable=False),
    sa.Column('next_try_at', Timestamp(), nullable=True),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('event_id')
    )
    with op.batch_alter_table('parked', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_parked_next_try_at'), ['next_try_at'], unique=False)

    op.create_table('people',
    sa.Column('id', BigId, autoincrement=False, nullable=False),
    sa.Column('username', sa.String(length=64), nullable=True),
    sa.Column('name', sa.String(length=64), nullable=True),
    sa.Column('avatar_hash', sa.String(length=64), nullable=True),
    sa.Column('version', BigId, server_default='0', nullable=False),
    sa.Column('removed', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('post_count', BigId, server_default='0', nullable=False),
    sa.Column('post_count_version', BigId, server_default='0', nullable=False),
    sa.Column('latest_at', Timestamp(), nullable=True),
    sa.Column('latest_id', BigId, nullable=True),
    sa.Column('follower_count', BigId, server_default='0', nullable=False),
    sa.Column('following_count', BigId, server_default='0', nullable=False),
    sa.PrimaryKeyConstraint('id')
    )


def downgrade() -> None:
    op.drop_table('people')
    with op.batch_alter_table('parked', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_parked_next_try_at'))

    op.drop_table('parked')
    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.drop_index('ix_outbox_unsent', postgresql_where=sa.text('sent_at IS NULL'), sqlite_where=sa.text('sent_at IS NULL'))
        batch_op.drop_index('ix_outbox_sent_at')

    op.drop_table('outbox')
    with op.batch_alter_table('inbox', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_inbox_handled_at'))

    op.drop_table('inbox')
    with op.batch_alter_table('follows', schema=None) as batch_op:
        batch_op.drop_index('ix_follows_following', postgresql_where=sa.text('active'), sqlite_where=sa.text('active'))
        batch_op.drop_index('ix_follows_followers', postgresql_where=sa.text('active'), sqlite_where=sa.text('active'))

    op.drop_table('follows')
    with op.batch_alter_table('cards', schema=None) as batch_op:
        batch_op.drop_index('ix_cards_author', postgresql_where=sa.text('published_at IS NOT NULL'), sqlite_where=sa.text('published_at IS NOT NULL'))

    op.drop_table('cards')
