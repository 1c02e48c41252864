"""Sending mails: by SMTP, or into files when no server is set."""

import logging
import smtplib
import ssl
import time
from contextlib import closing, suppress
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path

from flask import Flask

from chassis.events import now
from chassis.settings import settings

from . import commands
from .commands.mails import Outgoing

log = logging.getLogger(__name__)
AT_A_TIME = 5.0  # seconds of sending before the worker is told that we are alive
WHOLE_TALK = 12.0  # seconds for one mail, however slowly the server speaks


def deliver(_: Flask) -> None:
    """The worker's job: sends what waits."""
    commands.answer_asked()
    until = time.monotonic() + AT_A_TIME
    while time.monotonic() < until and (mail := commands.claim_mail()):
        deliver_one(mail)


def deliver_one(mail: Outgoing) -> None:
    try:
        (by_smtp if settings.mail_server else into_file)(mail.id, message(mail))
    except (OSError, smtplib.SMTPException) as error:
        log.warning("mail not sent", extra={"mail": mail.id, "reason": type(error).__name__})
        commands.mail_failed(mail.id, f"{type(error).__name__}: {error}", for_good=refused_for_good(error))
    except Exception as error:  # whatever is wrong with one, the others are not to wait for it
        log.exception("mail cannot be written", extra={"mail": mail.id})
        commands.mail_failed(mail.id, f"{type(error).__name__}: {error}", for_good=True)
    else:
        commands.mail_sent(mail.id)


def message(mail: Outgoing) -> EmailMessage:
    sender = settings.mail_sender
    built = EmailMessage()
    built["Subject"], built["From"], built["To"] = mail.subject, sender, mail.to
    built["Date"] = format_datetime(now())
    built["Message-ID"] = f"<mail-{mail.id}@{parseaddr(sender)[1].rpartition('@')[2] or 'localhost'}>"
    built["Auto-Submitted"] = "auto-generated"
    built.set_content(mail.text, cte=plain(mail.text))
    built.add_alternative(mail.html, subtype="html", cte=plain(mail.html))
    return built


def plain(text: str) -> str:
    """As it stands wherever mail allows: quoted-printable breaks the link that people copy from a file."""
    return "7bit" if text.isascii() else "8bit"


def into_file(id: int, built: EmailMessage) -> None:
    """For development: one file each, which appears whole."""
    folder: Path = settings.data / "mail"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = folder / f"{id:08d}.new"
    unfinished.write_bytes(bytes(built))
    unfinished.rename(folder / f"{id:08d}.eml")


class Smtp(smtplib.SMTP):
    """SMTP that ends in time: each answer may take what is left of the whole talk."""

    def __init__(self, host: str, port: int) -> None:
        self._until = time.monotonic() + WHOLE_TALK
        super().__init__(host, port, timeout=WHOLE_TALK)

    def getreply(self) -> tuple[int, bytes]:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the mail server is too slow")
        if self.sock is not None:
            self.sock.settimeout(left)
        return super().getreply()


def by_smtp(_: int, built: EmailMessage) -> None:
    with closing(Smtp(settings.mail_server, settings.mail_port)) as server:
        if settings.mail_use_tls:
            server.starttls(context=ssl.create_default_context())
        if settings.mail_username:
            server.login(settings.mail_username, settings.mail_password)
        server.send_message(built)
        with suppress(OSError, smtplib.SMTPException):  # taken is taken, whatever becomes of the goodbye
            server.quit()


def refused_for_good(error: Exception) -> bool:
    """The server knows the address and will never take mail for it (5xx, RFC 5321 section 4.2.1)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return False
