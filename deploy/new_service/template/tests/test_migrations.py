import flask_migrate
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext


def test_migrations_make_exactly_the_tables_of_the_models(things):
    with things.app.app_context():
        db = things.app.extensions["sqlalchemy"]
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, db.metadata) == []


def test_migrations_go_down_and_up_again(things):
    with things.app.app_context():
        folder, engine = things.app.extensions["migrations"], things.app.extensions["sqlalchemy"].engine
        before = set(sa.inspect(engine).get_table_names())
        flask_migrate.downgrade(directory=folder, revision="base")
        assert set(sa.inspect(engine).get_table_names()) == {"alembic_version"}
        flask_migrate.upgrade(directory=folder, revision="head")
        assert set(sa.inspect(engine).get_table_names()) == before
