"""The schema is what the models say; what a migration moves is whole afterwards."""

import flask_migrate
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

WRITE = 4
MINE = (
    "INSERT INTO posts (id, author_id, body, body_html, published_at, version, comment_count,"
    " comment_count_version) VALUES (7, 1, 'one', '<p>one</p>', '2026-01-01', 1, 0, 0)"
)


def change(posts, *statements):
    db = posts.app.extensions["sqlalchemy"]
    with posts.app.app_context(), db.engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def migrate(posts, step, revision):
    with posts.app.app_context():
        step(directory=posts.app.extensions["migrations"], revision=revision)


def indexes(posts):
    db = posts.app.extensions["sqlalchemy"]
    with posts.app.app_context():
        found = sa.inspect(db.engine)
        return {
            (index["name"], *index["column_names"], *map(str, index["dialect_options"].values()))
            for table in ("posts", "comments")
            for index in found.get_indexes(table)
        }


def test_migrations_make_exactly_the_tables_of_the_models(posts):
    db = posts.app.extensions["sqlalchemy"]
    with posts.app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []


def test_tables_that_are_made_anew_keep_their_rows_and_indexes(posts):
    after = indexes(posts)
    migrate(posts, flask_migrate.downgrade, "base")
    migrate(posts, flask_migrate.upgrade, "0004")
    before = indexes(posts)
    change(posts, MINE)
    migrate(posts, flask_migrate.upgrade, "head")
    with posts.app.app_context():
        db = posts.app.extensions["sqlalchemy"]
        assert db.rows(sa.text("SELECT id, body FROM posts")) == [{"id": 7, "body": "one"}]
    assert len(before) == 4
    assert before < after, "later migrations add some, none is lost"
    assert after == indexes(posts)


def test_an_id_is_not_given_again_when_the_newest_row_has_gone(posts):
    ann = posts.as_("ann", WRITE)
    first = ann.post("/api/v1/posts/", json={"body": "one"}).json["id"]
    change(posts, f"DELETE FROM posts WHERE id = {first}")
    assert ann.post("/api/v1/posts/", json={"body": "two"}).json["id"] > first
