"""The schema by migrations: up, down, as the models say; and what `prepare` and pruning do."""

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from auth.app import Settings
from chassis import retention
from chassis.worker import Job

LONG_AGO = "2020-01-01 00:00:00+00:00"


def differences(auth):
    db = auth.app.extensions["sqlalchemy"]
    with auth.app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, db.metadata)


def tables(auth):
    db = auth.app.extensions["sqlalchemy"]
    with auth.app.app_context():
        return set(sa.inspect(db.engine).get_table_names()) - {"sqlite_sequence"}


def test_the_migrations_make_what_the_models_say(auth):
    assert differences(auth) == []


def test_down_and_up_again(auth):
    before = tables(auth)
    folder = auth.app.extensions["migrations"]
    with auth.app.app_context():
        flask_migrate.downgrade(directory=folder, revision="base")
        assert tables(auth) == {"alembic_version"}
        flask_migrate.upgrade(directory=folder)
    assert tables(auth) == before


def test_prepare_is_repeatable_and_mends_roles(auth):
    auth.newcomer("susan")
    auth.change("UPDATE roles SET permissions = 0, \"default\" = true WHERE name = 'Moderator'")
    auth.change("INSERT INTO roles (name, permissions, \"default\") VALUES ('Guest', 1, false)")
    for _ in range(2):
        done = auth.flask("prepare")
        assert (done.exit_code, done.output) == (0, "auth: prepared\n")
    roles = {row["name"]: (row["permissions"], bool(row["default"])) for row in auth.rows("roles")}
    assert roles == {
        "User": (7, True),
        "Moderator": (15, False),
        "Administrator": (31, False),
        "Guest": (1, False),
    }
    assert auth.rows("tallies") == [{"kind": "users", "n": 1}]


@pytest.mark.parametrize(
    ("name", "bits"), [("User", 0b00111), ("Moderator", 0b01111), ("Administrator", 0b11111)]
)
def test_each_role_has_exactly_its_bits(auth, name, bits):
    [role] = auth.rows("roles", f"name = '{name}'")
    assert [bool(role["permissions"] & 1 << bit) for bit in range(6)] == [
        bool(bits & 1 << bit) for bit in range(6)
    ]


def job(auth, name) -> Job:
    return next(job for job in auth.app.extensions["jobs"] if job.name == name)


def test_what_matters_to_nobody_is_forgotten(auth):
    auth.person("susan")
    auth.tokens("susan")
    auth.sign_in("susan")
    auth.by_password("susan", "wrong")
    auth.anonymous().post("/api/v1/users/reset", json={"email": "susan@example.com"})
    auth.deliver()
    forget = lambda: retention.forget_old(auth.app)  # noqa: E731
    counted = ("mail_tokens", "guesses", "refresh_tokens", "sessions", "mails", "users")
    with auth.app.app_context():
        forget()
    kept = {table: len(auth.rows(table)) for table in counted}
    auth.change("UPDATE mail_tokens SET expires_at = :at", at=LONG_AGO)
    auth.change("UPDATE guesses SET last_at = :at", at=LONG_AGO)
    auth.change("UPDATE sessions SET revoked_at = :at WHERE kind = 'api'", at=LONG_AGO)
    auth.change("UPDATE sessions SET expires_at = :at WHERE kind = 'browser'", at=LONG_AGO)
    auth.change("UPDATE mails SET created_at = :at", at=LONG_AGO)
    with auth.app.app_context():
        forget()
    assert kept == {
        "mail_tokens": 1, "guesses": 4, "refresh_tokens": 1, "sessions": 2, "mails": 2, "users": 1,
    }  # fmt: skip
    assert {table: len(auth.rows(table)) for table in counted} == dict.fromkeys(counted, 0) | {"users": 1}


def test_the_worker_is_woken_for_mail(auth):
    assert job(auth, "mail").on_ring


def test_keys_lie_in_the_data_folder_unless_told_otherwise(tmp_path):
    assert Settings(data=tmp_path).keys_folder == tmp_path / "keys"
    assert Settings(data=tmp_path, keys_dir=tmp_path / "k").keys_folder == tmp_path / "k"


def test_commands_of_the_service(auth):
    assert {"fake", "keys", "users", "prepare", "work", "resend", "dead"} <= set(auth.app.cli.commands)
