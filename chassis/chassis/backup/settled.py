"""Commands that refuse a database whose restore was broken off, in one line that says what to do.

So is told what is away while a command works: whoever types one then looks for just that.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import click
import sqlalchemy as sa
from flask import current_app
from flask.cli import with_appcontext

from ..bus import Away
from ..database import database
from . import unsettled

Given = ParamSpec("Given")
Result = TypeVar("Result")


def settled(command: Callable[Given, Result]) -> Callable[Given, Result]:
    """Within the application's context, and only on a database that is fit for use."""

    @wraps(command)
    def checked(*given: Given.args, **named: Given.kwargs) -> Result:
        refuse_unsettled()
        with told_what_is_away():
            return command(*given, **named)

    return with_appcontext(checked)


@contextmanager
def told_what_is_away() -> Iterator[None]:
    """One line instead of a traceback. The address is not shown, because a password may be in it."""
    try:
        yield
    except Away as away:
        raise click.ClickException(f"{current_app.name}: {away}. Check BUS_URL.") from None
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        reason = str(error.orig).strip().partition("\n")[0]
        said = f"the database does not answer, or refuses: {reason}"
        raise click.ClickException(f"{current_app.name}: {said}. Check DATABASE_URL.") from None


def refuse_unsettled() -> None:
    """Waiting does not help there: somebody has to finish the restore. For what is away one may wait."""
    try:
        database.value(sa.text("SELECT 1"))
    except sa.exc.SQLAlchemyError as error:
        if reason := unsettled.said(error):
            raise click.ClickException(f"{current_app.name}: {reason}") from None
