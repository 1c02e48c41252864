"""Social: the page that wires the service."""

from pathlib import Path

from flask import Flask
from pydantic import Field

import chassis.settings
from chassis.backup import Restoring
from chassis.service import create_service
from chassis.worker import Job

from . import __version__, api, commands, consumers, events
from .models import OWNS, db
from .queries.merging import keep_to_indexes


class Settings(chassis.settings.Settings):
    auth_url: str = ""
    posts_url: str = ""
    posts_per_page: int = Field(20, alias="FLASKY_POSTS_PER_PAGE", ge=1, le=100)
    followers_per_page: int = Field(50, alias="FLASKY_FOLLOWERS_PER_PAGE", ge=1, le=100)


def create_app(settings: Settings | None = None) -> Flask:
    told = settings or Settings.load("social")
    app = create_service(
        "social",
        told,
        home=Path(__file__).parents[1],
        version=__version__,
        apis=[api.api],
        db=db,
        consumers=consumers.consumers,
        publishes=events.PUBLISHES,
        unheard=events.UNHEARD,
        snapshots=events.SNAPSHOTS,
        restoring=Restoring(owns=OWNS),
        jobs=[Job("forget people", lambda app: commands.go_on_forgetting(), every=0.5)],
    )
    if not told.database_pooler:  # there it is set for the role
        keep_to_indexes(app.extensions["reader"])
    return app
