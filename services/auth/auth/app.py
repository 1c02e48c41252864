"""Auth: the page that wires the service."""

from pathlib import Path
from typing import Self

from flask import Flask
from pydantic import Field, SecretStr, model_validator

import chassis.settings
from chassis import health
from chassis.service import create_service
from chassis.worker import Job

from . import __version__, api, cli, commands, consumers, events, keys, mailer, metrics, retention
from .api import answers
from .fake import fake
from .models import db
from .passwords import Hasher
from .restoring import RESTORING
from .tokens import OwnVerifier


class Settings(chassis.settings.Settings):
    posts_url: str = ""
    keys_dir: Path | None = None
    keys_ahead: float = Field(keys.AHEAD, ge=2)
    removals_journal: Path | None = None
    secret_key: SecretStr = SecretStr("development-only-secret")
    mail_sender: str = Field("Flasky Admin <flasky@example.com>", alias="FLASKY_MAIL_SENDER")
    mail_subject_prefix: str = Field("[Flasky]", alias="FLASKY_MAIL_SUBJECT_PREFIX")
    keep_mails_days: float = Field(30, ge=0, le=36_500)
    password_min_length: int = Field(8, ge=8, le=64)
    password_memory: int = Field(19456, ge=8)
    password_rounds: int = Field(2, ge=1)
    password_guesses: int = Field(10, ge=1, le=10)
    guess_minutes: float = Field(15.0, ge=15, le=60)  # tries are kept for an hour
    mails_per_hour: int = Field(5, ge=1)
    code_guesses: int = Field(5, ge=1, le=10)
    admin_second_factor: bool = False
    log_page: int = Field(50, alias="LOG_PER_PAGE", ge=1, le=100)
    audit_days: int = Field(180, ge=1, le=36_500)
    users_per_page: int = Field(50, alias="FLASKY_USERS_PER_PAGE", ge=1, le=100)

    @property
    def keys_folder(self) -> Path:
        return self.keys_dir or self.data / "keys"

    @model_validator(mode="after")
    def passwords_do_not_travel_in_the_clear(self) -> Self:
        if self.environment == "production" and self.mail_username and not self.mail_use_tls:
            raise ValueError(
                "MAIL_USERNAME is set and MAIL_USE_TLS is off: the password would travel in the clear"
            )
        return self

    @model_validator(mode="after")
    def only_tests_hash_cheaply(self) -> Self:
        if self.environment != "testing" and (self.password_memory < 19456 or self.password_rounds < 2):
            raise ValueError("PASSWORD_MEMORY and PASSWORD_ROUNDS must be at least 19456 and 2")
        return self


def readable_keys(settings: Settings) -> keys.Keyring:
    ring = keys.Keyring(settings.keys_folder, settings.keys_ahead)
    try:
        ring.check()
    except PermissionError:
        pass  # a backup may run as somebody else, and needs none; an API is not ready, and says why
    except (OSError, ValueError) as error:
        raise SystemExit(f"auth: cannot start: KEYS_DIR: {error}") from None
    return ring


def create_app(settings: Settings | None = None) -> Flask:
    settings = settings or Settings.load("auth")
    app = create_service(
        "auth",
        settings,
        home=Path(__file__).parents[1],
        version=__version__,
        apis=api.apis,
        db=db,
        consumers=consumers.consumers,
        publishes=events.PUBLISHES,
        snapshots=events.SNAPSHOTS,
        restoring=RESTORING,
        seeds=[commands.seed_roles, keys.make_first],
        jobs=[
            Job("mail", mailer.deliver, on_ring=True),
            Job("removals", lambda app: commands.go_on_removing(), every=0.5),
        ],
        keeps=retention.KEEPS,
    )
    ring = readable_keys(settings)
    health.only_to_serve(app, "keys", ring.trouble)
    app.extensions |= {
        "keyring": ring,
        "verifier": OwnVerifier(ring, settings.token_issuer, settings.token_audience),
        "hasher": Hasher(settings.password_memory, settings.password_rounds),
    }
    for figures in (metrics.Mails, metrics.Removals):
        app.extensions["metrics"].register(figures(app))
    app.before_request(answers.note_origin)
    for command in (cli.keys, cli.users, fake):
        app.cli.add_command(command)
    return app
