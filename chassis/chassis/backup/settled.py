"""Commands that refuse a database whose restore was broken off, in one line that says what to do."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click
import sqlalchemy as sa
from flask import current_app
from flask.cli import with_appcontext

from ..database import database
from . import unsettled

Given = ParamSpec("Given")
Result = TypeVar("Result")


def settled(command: Callable[Given, Result]) -> Callable[Given, Result]:
    """Within the application's context, and only on a database that is fit for use."""

    @wraps(command)
    def checked(*given: Given.args, **named: Given.kwargs) -> Result:
        refuse_unsettled()
        return command(*given, **named)

    return with_appcontext(checked)


def refuse_unsettled() -> None:
    """Waiting does not help there: somebody has to finish the restore. For what is away one may wait."""
    try:
        database.value(sa.text("SELECT 1"))
    except sa.exc.SQLAlchemyError as error:
        if reason := unsettled.said(error):
            raise click.ClickException(f"{current_app.name}: {reason}") from None
