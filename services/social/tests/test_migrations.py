"""The schema is what the models say, on the way up, down and up again."""

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext


def tables(social):
    with social.app.app_context():
        return set(sa.inspect(social.app.extensions["sqlalchemy"].engine).get_table_names())


def migrate(social, step, revision):
    with social.app.app_context():
        step(directory=social.app.extensions["migrations"], revision=revision)


def test_migrations_make_exactly_the_tables_of_the_models(social):
    with social.app.app_context():
        db = social.app.extensions["sqlalchemy"]
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, db.metadata) == []


def test_migrations_go_down_and_up_again(social):
    before = tables(social)
    migrate(social, flask_migrate.downgrade, "base")
    assert tables(social) == {"alembic_version"}
    migrate(social, flask_migrate.upgrade, "head")
    assert tables(social) == before
    assert social.anonymous().get("/readyz").json["checks"]["schema"] == "good"


def test_nobody_can_follow_himself_even_past_the_code(social):
    with social.app.app_context():
        db = social.app.extensions["sqlalchemy"]
        row = {"follower_id": 1, "followed_id": 1, "since": sa.func.now(), "active": True, "version": 1}
        insert = sa.insert(db.metadata.tables["follows"]).values(row)
        with pytest.raises(sa.exc.IntegrityError, match="ck_follows_not_oneself"):
            db.session.execute(insert)
