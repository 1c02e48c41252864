"""Posts: the page that wires the service."""

from pathlib import Path

from flask import Flask
from pydantic import Field

import chassis.settings
from chassis.backup import Restoring
from chassis.service import create_service
from chassis.worker import Job

from . import __version__, api, commands, consumers, events
from .models import OWNS, db


class Settings(chassis.settings.Settings):
    auth_url: str = ""
    posts_per_page: int = Field(20, alias="FLASKY_POSTS_PER_PAGE", ge=1, le=100)
    comments_per_page: int = Field(30, alias="FLASKY_COMMENTS_PER_PAGE", ge=1, le=100)


def create_app(settings: Settings | None = None) -> Flask:
    return create_service(
        "posts",
        settings or Settings.load("posts"),
        home=Path(__file__).parents[1],
        version=__version__,
        apis=[api.api],
        db=db,
        consumers=consumers.consumers,
        publishes=events.PUBLISHES,
        snapshots=events.SNAPSHOTS,
        restoring=Restoring(owns=OWNS),
        jobs=[Job("forget people", lambda app: commands.go_on_forgetting(), every=0.5)],
    )
