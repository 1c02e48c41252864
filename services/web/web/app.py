"""Web: the page that wires the service."""

from pathlib import Path
from typing import Any, Self

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from pydantic import Field, SecretStr, model_validator

import chassis.settings
from chassis.service import create_service

from . import __version__, clients, errors, pages, showing, visitors


class Settings(chassis.settings.Settings):
    """Addresses default to the neighbouring ports of one machine, as the local runner lays them out."""

    auth_url: str = ""
    posts_url: str = ""
    social_url: str = ""
    web_secret_key: SecretStr = SecretStr("development-only-secret")
    max_body_bytes: int = 1024 * 1024  # so that a text that is too long is told at its field, and kept
    call_seconds: float = Field(3.0, gt=0)
    request_seconds: float = Field(4.5, gt=0)
    form_hours: float = Field(12.0, gt=0)
    stale_after: float = Field(30.0, gt=0)
    posts_per_page: int = Field(20, alias="FLASKY_POSTS_PER_PAGE", ge=1, le=100)
    comments_per_page: int = Field(30, alias="FLASKY_COMMENTS_PER_PAGE", ge=1, le=100)
    followers_per_page: int = Field(50, alias="FLASKY_FOLLOWERS_PER_PAGE", ge=1, le=100)
    users_per_page: int = Field(50, alias="FLASKY_USERS_PER_PAGE", ge=1, le=100)
    password_min_length: int = Field(8, ge=8, le=64)

    @model_validator(mode="after")
    def with_neighbours(self) -> Self:
        for offset, name in enumerate(("auth_url", "posts_url", "social_url"), start=-3):
            setattr(self, name, (getattr(self, name) or f"http://127.0.0.1:{self.port + offset}").rstrip("/"))
        self.jwks_url = self.jwks_url or f"{self.auth_url}/.well-known/jwks.json"
        return self

    @property
    def https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def device_cookie(self) -> str:
        """By which auth and the gateway know a browser again, so that nobody locks its owner out."""
        return "__Host-device" if self.https else "device"

    @property
    def session_cookie(self) -> str:
        """The cookie that the gateway exchanges; what web keeps for itself is in `flasky`."""
        return "__Host-session" if self.https else "session"


class Sessions(SecureCookieSessionInterface):
    """What checks cookies is made once, not at each request."""

    _serializer: Any = None

    def get_signing_serializer(self, app: Flask) -> Any:
        if self._serializer is None:
            self._serializer = super().get_signing_serializer(app)
        return self._serializer


def create_app(settings: Settings | None = None) -> Flask:
    settings = settings or Settings.load("web")
    app = create_service(
        "web", settings, home=Path(__file__).parents[1], version=__version__, apis=pages.blueprints
    )
    app.config |= {
        "SECRET_KEY": settings.web_secret_key.get_secret_value(),
        "SESSION_COOKIE_NAME": "__Host-flasky" if settings.https else "flasky",
        "SESSION_COOKIE_SECURE": settings.https,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": int(settings.form_hours * 3600),
        "WTF_CSRF_SSL_STRICT": False,  # the gateway checks where a form comes from
    }
    app.session_interface = Sessions()
    errors.install(app)
    clients.install(app, settings)
    visitors.install(app)
    showing.install(app)
    return app
