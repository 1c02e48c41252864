"""What auth does when its database was put back: nobody stays signed in, no key is trusted any more, and who
was removed since does not come back.
"""

import logging
from collections.abc import Sequence

from chassis.backup import Restoring

from . import commands, journal, queries
from .keys import keyring
from .models import User

log = logging.getLogger(__name__)


def settle(gone: Sequence[int]) -> None:
    """New keys too: a token may speak for an account of the time that is lost, of which nothing is known.

    Args:
        gone: who was removed, as the journal and the database that is replaced know it.
    """
    commands.end_the_past()
    commands.remove_again(gone)
    try:
        renew_keys()
    except OSError as error:  # a mounted secret, for example
        log.error("the signing keys cannot be renewed here; replace them", extra={"reason": error.strerror})


def renew_keys() -> None:
    for key in keyring().published():
        keyring().remove(key.kid)
    keyring().make()


RESTORING = Restoring(
    owns=(User.version,), remembers=queries.everybody_removed, noted=journal.known, settles=settle
)
