"""Settings: read once, from the environment and from files; production refuses weak secrets."""

import secrets

import pytest
from shop.app import Settings

from chassis import settings

GOOD = "kN3v-7sPq_xT2wLzR9dYb"


@pytest.fixture
def outside(monkeypatch):
    for name in ("INTERNAL_SECRET", "LABEL_SECRET"):
        monkeypatch.setenv(name, GOOD)
    monkeypatch.setenv("DATABASE_URL", "sqlite:///x.sqlite")
    return monkeypatch


def test_the_environment_is_read(outside):
    outside.setenv("PORT", "8123")
    outside.setenv("FLASKY_SLOW_DB_QUERY_TIME", "0.2")
    read = Settings.load("shop")
    assert (read.port, read.slow_query_time, read.public_url) == (8123, 0.2, "http://localhost:8000")


def test_a_setting_may_come_from_a_file(outside, tmp_path):
    (tmp_path / "secret").write_text("from-a-file-0123456789\n")
    outside.delenv("LABEL_SECRET")
    outside.setenv("LABEL_SECRET_FILE", str(tmp_path / "secret"))
    assert Settings.load("shop").label_secret.get_secret_value() == "from-a-file-0123456789"


def test_a_file_that_is_not_there_stops_the_service_in_one_line(outside):
    outside.setenv("LABEL_SECRET_FILE", "/nowhere/secret")
    with pytest.raises(SystemExit, match=r"shop: cannot start: .*/nowhere/secret"):
        Settings.load("shop")


@pytest.mark.parametrize("weak", ["", "changeme", "development-only-secret", "short"])
@pytest.mark.parametrize("name", ["INTERNAL_SECRET", "LABEL_SECRET"])
def test_production_refuses_weak_secrets_and_names_them(outside, name, weak):
    outside.setenv("FLASK_CONFIG", "production")
    outside.setenv(name, weak)
    with pytest.raises(SystemExit, match=f"shop: cannot start: {name} is missing or well known"):
        Settings.load("shop")


def test_production_starts_with_its_own_secrets(outside):
    outside.setenv("FLASK_CONFIG", "production")
    assert Settings.load("shop").environment == "production"


def is_named_but_not_shown(outside, name, wrong, said):
    outside.setenv(name, wrong)
    with pytest.raises(SystemExit, match=f"shop: cannot start: {name}: {said}") as stopped:
        Settings.load("shop")
    assert "\n" not in str(stopped.value)
    assert "hun" not in str(stopped.value)


@pytest.mark.parametrize(
    "wrong",
    [
        "hunter2",
        "mysql://ann:hunter2@db/shop",
        "postgresql+psycopg2://ann:hunter2@db/shop",
        "postgresql://ann:hunter2@db",
        "postgresql://ann:hunter2@db:port/shop",
        "postgresql:///shop",
        "postgresql://ann:hun/ter2@db:5432/shop",
        "sqlite://",
        "sqlite://shop.sqlite",
    ],
)
def test_a_database_url_that_cannot_be_right_is_named_but_not_shown(outside, wrong):
    is_named_but_not_shown(outside, "DATABASE_URL", wrong, "must be postgresql")


@pytest.mark.parametrize(
    "wrong",
    [
        "kafka://ann:hunter2@bus",
        "amqp://ann:hun/ter2@bus:5672/shop",
        "amqp://ann:12/hunter2@bus:5672/shop",
        "amqp://ann:12#hunter2@bus:5672/shop",
        "amqp://hunter2@bus/shop",
        "amqp:///hunter2",
        "sqlite://hunter2",
    ],
)
def test_a_bus_url_that_cannot_be_right_is_named_but_not_shown(outside, wrong):
    is_named_but_not_shown(outside, "BUS_URL", wrong, "must be amqp://")


@pytest.mark.parametrize(
    "right",
    [
        "",
        "amqp://bus",
        "amqp://ann:@bus/",
        "amqp://ann:hun%2Fter%402@bus:5672/%2F?heartbeat=5",  # pragma: allowlist secret
        "amqps://ann:pass@[::1]:5671/shop",
        "sqlite:////srv/a@b/bus.sqlite",
    ],
)
def test_a_bus_url_that_can_be_right_is_taken(outside, right):
    outside.setenv("BUS_URL", right)
    assert Settings.load("shop").bus_url == right


@pytest.mark.parametrize("spelt", ["postgres://", "postgresql://", "postgresql+psycopg://"])
def test_a_database_url_may_be_spelt_as_others_do(outside, spelt):
    outside.setenv("DATABASE_URL", f"{spelt}ann:pass@db:5432/shop?sslmode=require")
    assert Settings.load("shop").database_url == "postgresql+psycopg://ann:pass@db:5432/shop?sslmode=require"
    outside.setenv("DATABASE_URL", f"{spelt}/shop?host=/run/postgresql")
    assert Settings.load("shop").database_url == "postgresql+psycopg:///shop?host=/run/postgresql"


def test_a_value_of_the_wrong_kind_is_named_but_not_shown(outside):
    outside.setenv("PORT", "hunter2")
    with pytest.raises(SystemExit, match="PORT: ") as stopped:
        Settings.load("shop")
    assert "hunter2" not in str(stopped.value)


def test_secrets_do_not_show_themselves(outside):
    assert GOOD not in repr(Settings.load("shop"))


def test_without_a_database_or_bus_address_the_service_says_which(outside):
    from shop.app import create_app

    outside.setenv("DATABASE_URL", "")
    with pytest.raises(SystemExit, match="shop: cannot start: DATABASE_URL is missing"):
        create_app()
    outside.setenv("DATABASE_URL", "sqlite:////tmp/never-made.sqlite")
    outside.setenv("BUS_URL", "kafka://")
    with pytest.raises(SystemExit, match="BUS_URL: must be"):
        create_app()


@pytest.mark.parametrize(
    "weak",
    [
        "Change-Me-Please-1",
        "hard to guess string",
        "MySuperSecretKey2024",
        "correct horse battery staple",
        "aaaaaaaaaaaaaaaaaaaaaaaa",
        "abababababababababab",
        "1234567890123456",
        "0123456789abcdef0123456789abcdef",  # pragma: allowlist secret
        "a-secret-for-tests-only",
        "kN3v-7sPq_xT2w",
    ],
)
def test_what_everybody_knows_is_refused_however_it_is_written(outside, weak):
    outside.setenv("FLASK_CONFIG", "production")
    outside.setenv("LABEL_SECRET", weak)
    with pytest.raises(SystemExit, match="LABEL_SECRET is missing or well known"):
        Settings.load("shop")


def test_random_secrets_are_good():
    assert not any(settings.weak(secrets.token_urlsafe(32)) for _ in range(2000))
    assert not any(settings.weak(secrets.token_hex(16)) for _ in range(2000))


@pytest.mark.parametrize("name", ["DATABASE_URL", "BUS_URL"])
@pytest.mark.parametrize("password", ["guest", "postgres", "changeme", "p%61ssword"])
def test_production_refuses_a_servers_well_known_password(outside, name, password):
    outside.setenv("FLASK_CONFIG", "production")
    scheme = "amqp" if name == "BUS_URL" else "postgresql+psycopg"
    outside.setenv(name, f"{scheme}://someone:{password}@server:5432/shop")
    with pytest.raises(SystemExit, match=f"{name} has a well-known password") as stopped:
        Settings.load("shop")
    assert password not in str(stopped.value)
