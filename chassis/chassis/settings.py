"""Settings: one typed object, read once from the environment, `.env` and secret files.

A secret may also come from a file: `INTERNAL_SECRET_FILE=/run/secrets/internal` (the convention of the
official images).
"""

import errno
import os
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit

from flask import current_app
from flask.helpers import get_load_dotenv
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from werkzeug.local import LocalProxy

from . import failpoints

# What examples, tutorials and tests are full of; in a random secret none of them turns up by chance.
WELL_KNOWN = (
    "secret", "password", "passwort", "changeme", "replaceme", "replacethis", "example", "default",
    "development", "insecure", "fortests", "ofthesetests", "hardtoguess", "letmein", "qwerty", "abcdefgh",
    "12345678", "01234567", "deadbeef", "correcthorse", "walktheflask", "administrator",
)  # fmt: skip
WELL_KNOWN_PASSWORDS = frozenset(
    ("admin", "app", "changeme", "guest", "password", "postgres", "rabbitmq", "root", "secret", "test")
)
FEWEST_CHARACTERS = 8
SHORTEST_SECRET = 16
MOST_DAYS = 36_500
# Where every process of ours asks the issuer of tokens, once or twice a second for ever.
KEYS, WITHDRAWN = "/.well-known/jwks.json", "/internal/changes"
DATABASES = "postgresql+psycopg://user:password@host:port/name or sqlite:////folder/file.sqlite"
BUSES = "amqp://user:password@host:port/vhost or sqlite:////folder/bus.sqlite"


class SecretFiles(PydanticBaseSettingsSource):
    """Reads `NAME_FILE` for any setting `NAME`."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = variable(field_name, field)
        path = os.environ.get(f"{name}_FILE")
        try:
            return (Path(path).read_text().strip() if path else None), name, False
        except UnicodeDecodeError:
            raise OSError(errno.EILSEQ, "This is not text", path) from None

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name) for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, (value, _, _) in found.items() if value is not None}


class Settings(BaseSettings):
    """What every service may be told. Services add their own by inheriting."""

    model_config = SettingsConfigDict(
        env_file=".env",
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )

    # The keys may also be in a file.
    OTHER_ADDRESSES: ClassVar[frozenset[str]] = frozenset({"database_url", "bus_url", "jwks_url"})

    environment: Literal["development", "testing", "production"] = Field("development", alias="FLASK_CONFIG")
    port: int = Field(8000, ge=0, le=65_535)
    public_url: str = "http://localhost:8000"
    database_url: str = ""
    database_pooler: str = ""
    database_reader: str = ""
    bus_url: str = ""
    data: Path = Path(".run")
    jwks_url: str = ""
    jwks_refresh: float = Field(1.0, ge=0, le=60)
    token_issuer: str = "auth"  # noqa: S105 - a name
    token_audience: str = "api"  # noqa: S105 - a name
    internal_secret: SecretStr = SecretStr("development-only-secret")
    avatars: Literal["local", "gravatar"] = "local"
    log_level: str = "INFO"
    admin: str = Field("", alias="FLASKY_ADMIN")
    mail_sender: str = Field("errors@localhost", alias="FLASKY_MAIL_SENDER")
    mail_subject_prefix: str = Field("", alias="FLASKY_MAIL_SUBJECT_PREFIX")
    mail_server: str = ""
    mail_port: int = Field(587, ge=1, le=65_535)
    mail_use_tls: bool = True
    mail_username: str = ""
    mail_password: str = Field("", repr=False)
    error_mails_per_hour: int = Field(6, ge=0)
    web_threads: int = Field(8, ge=1)
    web_concurrency: int = Field(1, ge=1)
    bind: str = "127.0.0.1"
    worker_port: int = Field(0, ge=0, le=65_535)
    slow_query_time: float = Field(0.5, alias="FLASKY_SLOW_DB_QUERY_TIME", ge=0)
    await_events_limit: float = Field(0.3, ge=0, le=5)
    max_body_bytes: int = Field(256 * 1024, ge=1)
    hang_after: float = Field(20.0, ge=6)
    retry_waits: Annotated[tuple[Annotated[float, Field(ge=0)], ...], NoDecode] = Field(
        (1, 5, 25), min_length=1
    )
    audit_every: float = Field(3.0, ge=0)
    audit_page: int = Field(50, ge=1, le=500)
    keep_sent_days: float = Field(2, ge=0, le=MOST_DAYS)
    keep_handled_days: float = Field(7, ge=0, le=MOST_DAYS)
    keep_parked_days: float = Field(90, ge=0, le=MOST_DAYS)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        sources = (init_settings, SecretFiles(settings_cls), env_settings)
        return (*sources, dotenv_settings) if get_load_dotenv() else sources  # FLASK_SKIP_DOTENV=1

    @property
    def changes_url(self) -> str:
        """Where the issuer of tokens tells what it has withdrawn: beside its keys. Empty: nobody is asked."""
        issuer, found, _ = self.jwks_url.partition("/.well-known/")
        return f"{issuer}{WITHDRAWN}" if found and issuer.startswith("http") else ""

    @field_validator("public_url")
    @classmethod
    def without_last_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @field_validator("log_level")
    @classmethod
    def a_level(cls, level: str) -> str:
        known = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
        if level.upper() not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return level.upper()

    @field_validator("retry_waits", mode="before")
    @classmethod
    def numbers(cls, told: Any) -> Any:
        """`[1, 5, 25]`, or `1, 5, 25`."""
        return told.strip(" []").split(",") if isinstance(told, str) else told

    @field_validator("database_pooler", "database_reader")
    @classmethod
    def a_server(cls, server: str) -> str:
        if server and not re.fullmatch(r"[\w.-]+(:\d{1,5})?", server):
            raise ValueError("must be host:port")
        return server

    @field_validator("database_url")
    @classmethod
    def a_database_we_know(cls, url: str) -> str:
        """Other programs write `postgres://…` or `postgresql://…`; the driver is ours to name. The message
        never shows the address: there is a password in it.
        """
        url = re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql+psycopg://", url)
        if url and not complete(url):
            raise ValueError(f"must be {DATABASES}")
        return url

    @field_validator("bus_url")
    @classmethod
    def a_bus_we_know(cls, url: str) -> str:
        """Here, too, the message never shows the address."""
        if url and not of_a_bus(url):
            raise ValueError(f"must be {BUSES}; write / @ : # in a password as %2F %40 %3A %23")
        return url

    @model_validator(mode="after")
    def neighbours_have_addresses(self) -> Self:
        """Whatever ends in `_url` is asked over HTTP, unless it is one of `OTHER_ADDRESSES`."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if name.endswith("_url") and name not in self.OTHER_ADDRESSES and value and not answering(value):
                raise ValueError(f"{variable(name, field)} must be http://host:port, not {value!r}")
        return self

    @model_validator(mode="after")
    def other_servers_are_of_the_same_kind(self) -> Self:
        if (self.database_pooler or self.database_reader) and self.database_url.startswith("sqlite:"):
            raise ValueError("DATABASE_POOLER and DATABASE_READER want a DATABASE_URL of PostgreSQL")
        return self

    @model_validator(mode="after")
    def production_has_nothing_of_tests(self) -> Self:
        if self.environment == "production" and failpoints.VARIABLE in os.environ:
            raise ValueError(f"{failpoints.VARIABLE} is set; it is for tests and makes processes die")
        if self.environment == "production" and not self.jwks_refresh:
            raise ValueError("JWKS_REFRESH must be over 0; else no revoked key and no ban is ever heard of")
        return self

    @model_validator(mode="after")
    def production_has_its_own_secrets(self) -> Self:
        if self.environment != "production":
            return self
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if name.endswith("_url") and isinstance(value, str) and weak_address(value):
                raise ValueError(
                    f"{variable(name, field)} has a well-known password; production needs its own"
                )
            if isinstance(value, SecretStr) and weak(value.get_secret_value()):
                raise ValueError(
                    f"{variable(name, field)} is missing or well known; production needs a secret of its own "
                    f"of at least {SHORTEST_SECRET} characters"
                )
        return self

    @classmethod
    def load(cls, service: str) -> Self:
        """Reads the settings, or stops the process with one line that names what is wrong."""
        try:
            return cls()
        except ValidationError as error:
            reasons = "; ".join(reason(cls, item) for item in error.errors())
            raise SystemExit(f"{service}: cannot start: {reasons}") from None
        except OSError as error:
            raise SystemExit(f"{service}: cannot start: {error}") from None


def parts(address: str) -> SplitResult | None:
    """Those of an address, or nothing if it cannot be read: a `/` or `#` in a password ends the host early,
    and whoever goes on with that tells the password in an error, or asks a wrong host.
    """
    try:
        url = urlsplit(address)
        _ = url.hostname, url.port
    except ValueError:
        return None
    return None if url.netloc and "@" in url.path + url.fragment else url


def complete(database_url: str) -> bool:
    """Whether it says all that is needed to connect, in a form that can be read."""
    url = parts(database_url)
    if url is None or url.scheme == "sqlite":
        return url is not None and of_a_file(url)
    in_query = "host=" in url.query  # a socket's folder
    return url.scheme == "postgresql+psycopg" and bool(url.hostname or in_query) and len(url.path) > 1


def of_a_bus(address: str) -> bool:
    """Whether it names a file, or a broker, and a password if it names a user."""
    url = parts(address)
    if url is None or url.scheme == "sqlite":
        return url is not None and of_a_file(url)
    whole = (url.username is None) == (url.password is None)
    return url.scheme in ("amqp", "amqps") and bool(url.hostname) and whole


def of_a_file(url: SplitResult) -> bool:
    return not url.netloc and len(url.path) > 1


def answering(url: str) -> bool:
    """Whether it is an address that can be asked over HTTP."""
    try:
        address = urlsplit(url)
        return address.scheme in ("http", "https") and bool(address.hostname) and (address.port or 80) > 0
    except ValueError:
        return False


def variable(name: str, field: FieldInfo) -> str:
    """The environment variable of a field, as people write it."""
    return (field.alias or name).upper()


def weak(secret: str) -> bool:
    """Short, of few different characters, or made of words that everybody knows, however they are written."""
    if len(secret) < SHORTEST_SECRET or len(set(secret)) < FEWEST_CHARACTERS:
        return True
    letters = "".join(filter(str.isalnum, secret.lower()))
    return any(word in letters for word in WELL_KNOWN)


def weak_address(url: str) -> bool:
    """The address of a server with a password that everybody knows. None at all is the server's business."""
    try:
        password = unquote(urlsplit(url).password or "")
    except ValueError:
        return False
    return password.lower() in WELL_KNOWN_PASSWORDS


def reason(cls: type[Settings], item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"]).upper()
    said = item["msg"].removeprefix("Value error, ")
    return f"{where}: {said}" if where else said


settings: Any = LocalProxy(lambda: current_app.extensions["settings"])
