"""Mails: rows, written in the transaction of their cause, sent by the worker, and emptied once sent."""

from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from chassis.events import now

from .. import letters, queries, tokens
from ..models import Mail, MailToken, User, db

TOKEN_LIFE = timedelta(seconds=3600)
WAITS = (5, 15, 60, 300, 600, 900, 1200)  # seconds between tries; all in all less than the life of a link
LEASE = timedelta(seconds=60)
ASKED_AT_ONCE = 50


class Outgoing(NamedTuple):
    id: int
    to: str
    subject: str
    text: str
    html: str


def send_link(user: User, purpose: str, email: str) -> None:
    """Adds a mail with a new link to the transaction; older links of that purpose are void."""
    mail = Mail(to=email, created_at=now())
    fill(mail, user, purpose)
    db.session.add(mail)
    db.ring()


def fill(mail: Mail, user: User, purpose: str) -> None:
    token = tokens.new_secret()
    void_links(user.id, purpose)
    db.session.add(
        MailToken(
            hash=tokens.fingerprint(token),
            user_id=user.id,
            purpose=purpose,
            email=mail.to,
            expires_at=now() + TOKEN_LIFE,
        )
    )
    mail.user_id = user.id
    mail.subject, mail.text, mail.html = letters.write(purpose, user.username, token)
    mail.state, mail.next_try_at = "queued", now()


def send_receipt(user: User, requested: datetime) -> None:
    """Adds the last mail to somebody: what was removed, and when. Its address is kept until it is sent."""
    at = now()
    subject, text, html = letters.receipt(user.username, requested, at)
    mail = Mail(to=user.email, subject=subject, text=text, html=html, last=True)
    mail.created_at = mail.next_try_at = at
    db.session.add(mail)
    db.ring()


def forget_mails(user: User) -> None:
    """Sent or not, to whatever address: nothing that was written to somebody stays."""
    theirs = sa.or_(Mail.user_id == user.id, Mail.to == user.email), sa.not_(Mail.last)
    db.session.execute(sa.delete(Mail).where(*theirs).execution_options(synchronize_session=False))


def void_links(user_id: int, *purposes: str) -> None:
    """Ends links of these purposes, or of all."""
    chosen = MailToken.purpose.in_(purposes) if purposes else sa.true()
    db.session.execute(sa.delete(MailToken).where(MailToken.user_id == user_id, chosen))


def answer_asked() -> None:
    """Writes the reset mails that were asked for, where there is a confirmed account of that address.

    It happens here and not in the request, so that the request takes the same time for every address.
    """
    for asked in queries.mails_asked(ASKED_AT_ONCE):
        answer(asked["id"], asked["to"])


def answer(id: int, to: str) -> None:
    """The account is locked before the mail, as by whoever removes it with its mails."""
    good = (User.email == to, User.confirmed, sa.not_(User.disabled))
    user = db.session.scalar(sa.select(User).where(*good).with_for_update(key_share=True))
    mail = db.session.get(Mail, id, with_for_update={"skip_locked": True}, populate_existing=True)
    if mail is not None and mail.state == "asked":  # else another worker has it, or it is gone
        if user is None:
            db.session.delete(mail)
        else:
            fill(mail, user, letters.RESET)
    db.session.commit()


def claim_mail() -> Outgoing | None:
    """Takes the mail that has waited longest; no other worker does for `LEASE`."""
    if not queries.mails_due():
        return None
    due = sa.select(Mail).where(Mail.state == "queued", Mail.next_try_at <= now())
    due = due.order_by(Mail.next_try_at, Mail.id).limit(1).with_for_update(skip_locked=True)
    mail = db.session.scalar(due.execution_options(populate_existing=True))
    outgoing = None
    if mail is not None:
        mail.tries += 1
        mail.next_try_at = now() + LEASE
        outgoing = Outgoing(mail.id, mail.to, mail.subject, mail.text, mail.html)
    db.session.commit()
    return outgoing


def mail_sent(id: int) -> None:
    """The link in it is a secret, so its text does not stay."""
    finish(id, state="sent", sent_at=now(), error=None)


def mail_failed(id: int, error: str, *, for_good: bool = False) -> None:
    """Tries again later, after growing waits, unless that is hopeless or was often enough."""
    mail = db.session.get(Mail, id, with_for_update=True, populate_existing=True)
    if mail is None:  # its account was removed meanwhile
        db.session.rollback()
        return
    said = error[:500] if not mail.last else error.partition(":")[0]  # servers repeat the address
    if for_good or mail.tries > len(WAITS):
        finish(id, state="failed", error=said)
        return
    mail.error, mail.next_try_at = said, now() + timedelta(seconds=WAITS[mail.tries - 1])
    db.session.commit()


def finish(id: int, **values: object) -> None:
    kept = sa.case((Mail.last, ""), else_=Mail.to)
    change = {"text": "", "html": "", "to": kept, "next_try_at": None, **values}
    db.session.execute(sa.update(Mail).where(Mail.id == id).values(change))
    db.session.commit()
