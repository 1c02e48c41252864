"""Backups of a service's database, taken while it serves, and put back while it does not.

A backup is one file: a line that says what it is, a line of JSON that says what is in it and how far the
service had come (the barrier position), the database as its own tool writes it, and a checksum of all that.

Services may be put back to different moments. What makes their copies agree again afterwards:

- versions: every version that the service gives out continues at the time of day in milliseconds, which is
  more than it has ever given out: what it says now wins over what others have kept of its lost future;
- ids: they continue behind a gap that is wider than what can have been given out since the backup, so that
  no id ever means two things;
- `flask resend` says the owner's state again, and audits take away what the owner knows nothing of.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import InstrumentedAttribute


def nothing(*_: Any) -> tuple[()]:
    """Nothing to remember, or to do."""
    return ()


@dataclass(frozen=True)
class Restoring:
    """What a service has to say of being put back.

    Args:
        owns: the columns in which it keeps the versions of what it owns; not those of copies.
        remembers: reads from the database that is about to be replaced what must not be forgotten with it:
            numbers or texts. Where that database is too broken, or too old, there is nothing.
        noted: the same from outside the database. An `OSError` of it refuses the restore.
        settles: is given all that, in the transaction in which the restored database is made fit for use.
    """

    owns: Sequence[InstrumentedAttribute[int]] = ()
    remembers: Callable[[], Iterable[Any]] = nothing
    noted: Callable[[], Iterable[Any]] = nothing
    settles: Callable[[Sequence[Any]], Any] = nothing
