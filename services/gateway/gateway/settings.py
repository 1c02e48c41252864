"""What the gateway may be told, besides what every service may be told."""

import re
from typing import Literal, Self

from limits import parse
from pydantic import Field, field_validator, model_validator

from chassis.settings import Settings as ChassisSettings
from chassis.settings import parts

UPSTREAMS = ("auth", "posts", "social", "web")
LIMITS = ("sign-in", "registration", "mail", "writes", "reads", "text")


class Settings(ChassisSettings):
    """Addresses default to the neighbouring ports of one machine, as the local runner lays them out."""

    OTHER_ADDRESSES = ChassisSettings.OTHER_ADDRESSES | {"ratelimit_storage_url"}

    auth_url: str = ""
    posts_url: str = ""
    social_url: str = ""
    web_url: str = ""
    ops_port: int = Field(0, ge=0, le=65_535)
    trusted_hops: int = Field(0, ge=0)
    cors_origins: str = ""
    read_your_writes: Literal["own", "all", "off"] = "own"
    request_seconds: float = Field(5.0, gt=0)
    body_seconds: float = Field(10.0, gt=0)
    max_form_bytes: int = Field(1024 * 1024, ge=1)  # a form's text may be thrice as long as its characters
    max_header_bytes: int = Field(16 * 1024, ge=1)
    network_connections: int = Field(1000, ge=0)
    upstream_connections: int = Field(32, ge=1)
    upstream_waiting: int = Field(64, ge=0)
    identity_seconds: float = Field(60.0, ge=0)
    identity_entries: int = Field(10_000, ge=1)
    password_exchanges: int = Field(8, ge=1)
    changes_seconds: float = Field(0.5, gt=0)
    seen_seconds: float = Field(30.0, gt=0)
    limit_sign_in: str = "120/minute"
    limit_registration: str = "300/hour"
    limit_mail: str = "60/hour"
    limit_writes: str = "1200/minute"
    limit_reads: str = "12000/minute"
    limit_text: str = "16000000/hour"  # bytes, of a person: two hundred and fifty of the largest posts
    ratelimit_storage_url: str = ""
    ratelimit_storage_seconds: float = Field(0.25, gt=0)

    @field_validator("ratelimit_storage_url")
    @classmethod
    def counts_we_can_keep(cls, url: str) -> str:
        """The message never shows the address: there is a password in it."""
        found = parts(url)
        if url and (found is None or found.scheme not in ("memory", "redis", "rediss")):
            raise ValueError("must be redis://:password@host:port/number, or nothing: counts in memory")
        return url

    @field_validator(*(f"limit_{name.replace('-', '_')}" for name in LIMITS))
    @classmethod
    def a_rate(cls, told: str) -> str:
        """`120/minute`, `300 per hour`, `5 per 10 seconds`, or `off`."""
        if told != "off":
            parse(told)
        return told

    @field_validator("cors_origins")
    @classmethod
    def as_browsers_send_them(cls, origins: str) -> str:
        """Any other form would never be one that a page comes from, and nobody would know why."""
        for origin in filter(None, map(str.strip, origins.split(","))):
            if not re.fullmatch(r"https?://[\w.-]+(:\d+)?/?", origin):
                raise ValueError("must be https://host or https://host:port, several with commas between")
        return origins

    @model_validator(mode="after")
    def with_neighbours(self) -> Self:
        for offset, service in enumerate(UPSTREAMS, start=1):
            name = f"{service}_url"
            setattr(self, name, (getattr(self, name) or f"http://127.0.0.1:{self.port + offset}").rstrip("/"))
        self.jwks_url = self.jwks_url or f"{self.auth_url}/.well-known/jwks.json"
        self.ops_port = self.ops_port or self.port + 10
        return self

    @property
    def changes_url(self) -> str:
        """Read by the gateway itself, which gets people a new token instead of refusing the old one."""
        return ""

    @property
    def https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def origins(self) -> frozenset[str]:
        """The other sites whose pages may call the API."""
        return frozenset(
            origin.strip().rstrip("/") for origin in self.cors_origins.split(",") if origin.strip()
        )
