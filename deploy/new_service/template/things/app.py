"""Things: the page that wires the service."""

from pathlib import Path

from flask import Flask
from pydantic import Field

import chassis.settings
from chassis.service import create_service

from . import __version__, api, consumers, events
from .models import db


class Settings(chassis.settings.Settings):
    things_per_page: int = Field(20, ge=1, le=100)


def create_app(settings: Settings | None = None) -> Flask:
    return create_service(
        "things",
        settings or Settings.load("things"),
        home=Path(__file__).parents[1],
        version=__version__,
        apis=[api.api],
        db=db,
        consumers=consumers.consumers,
        publishes=events.PUBLISHES,
        unheard=events.UNHEARD,
        snapshots=events.SNAPSHOTS,
    )
