"""What auth does when its database was put back: nobody stays signed in, and no key is trusted any more."""

from typing import Any

from chassis.backup import Restoring

from . import commands
from .keys import keyring
from .models import User


def settle(_: Any) -> None:
    """New keys too: a token may speak for an account of the time that is lost, of which nothing is known."""
    commands.end_the_past()
    for key in keyring().published():
        keyring().remove(key.kid)
    keyring().make()


RESTORING = Restoring(owns=(User.version,), settles=settle)
