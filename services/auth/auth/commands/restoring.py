"""What a database that was put back from a backup may not bring to life again."""

import sqlalchemy as sa

from chassis.backup.restoring import epoch
from chassis.events import now

from ..models import Challenge, Mail, MailToken, RefreshToken, Session, User, db


def end_the_past() -> None:
    """Nobody is signed in, no link in a mail proves anything, and no mail goes out twice.

    What was ended, used or sent after the backup is not known any more, so all of it counts as that. Raising
    `ver` makes every token that is still about worth nothing. Called within the transaction of a restore.
    """
    at, newest = now(), epoch()
    for statement in (
        sa.update(Session).where(Session.revoked_at.is_(None)).values(revoked_at=at),
        sa.delete(RefreshToken),
        sa.delete(MailToken),
        sa.delete(Challenge),
        sa.update(User).values(ver=newest, password_ver=newest, ver_changed_at=at),
        sa.update(Mail)
        .where(Mail.state.in_(("queued", "asked")))
        .values(
            state="failed", error="a backup was restored; it may have been sent before", text="", html=""
        ),
    ):
        db.session.execute(statement.execution_options(synchronize_session=False))
