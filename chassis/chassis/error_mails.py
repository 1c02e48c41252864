"""Errors by mail: what a process logs as ERROR is mailed to the administrator, with the service's name.

Directly by SMTP from the process that it happens to, because what fails may be the very service that mails.
Nobody waits for it: a thread sends, the same place is told once in ten minutes, and no more than a few mails
leave in an hour, however many processes and errors there are; the next one says how many were left out.
"""

import logging
import queue
import smtplib
import ssl
import threading
import time
from collections import deque
from email.message import EmailMessage
from typing import Any

from .settings import Settings

log = logging.getLogger(__name__)
SAME_PLACE = 600.0
HOUR = 3600.0
WAITING = 100
SECONDS = 10.0


class ErrorMails(logging.Handler):
    def __init__(self, service: str, settings: Settings) -> None:
        super().__init__(logging.ERROR)
        self._service, self._settings = service, settings
        self._places: dict[tuple[str, str, int], float] = {}
        self._sent: deque[float] = deque(maxlen=settings.error_mails_per_hour)
        self._left_out = 0
        self._waiting: queue.Queue[EmailMessage] = queue.Queue(WAITING)
        self._sender: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if not self._may(record):
            self._left_out += 1
            return
        try:
            self._waiting.put_nowait(self._written(record))
        except queue.Full:
            self._left_out += 1
            return
        if self._sender is None or not self._sender.is_alive():  # threads do not survive a fork
            self._sender = threading.Thread(target=self._send, name="error mails", daemon=True)
            self._sender.start()

    def _may(self, record: logging.LogRecord) -> bool:
        now, place = time.monotonic(), (record.name, record.pathname, record.lineno)
        full = len(self._sent) == self._sent.maxlen and now - self._sent[0] < HOUR
        if full or now - self._places.get(place, float("-inf")) < SAME_PLACE:
            return False
        self._places[place] = now
        self._sent.append(now)
        return True

    def _written(self, record: logging.LogRecord) -> EmailMessage:
        told, left_out, self._left_out = self._settings, self._left_out, 0
        mail = EmailMessage()
        prefix = told.mail_subject_prefix.strip()
        mail["Subject"] = f"{prefix} Application Error in {self._service}".strip()
        mail["From"], mail["To"] = told.mail_sender, told.admin
        mail["Auto-Submitted"] = "auto-generated"
        lines = [self.format(record)]
        if left_out:
            lines.append(f"{left_out} more errors were not mailed since the last mail; the log has them.")
        mail.set_content("\n\n".join(lines))
        return mail

    def _send(self) -> None:
        while True:
            mail = self._waiting.get()
            try:
                self._deliver(mail)
            except (OSError, smtplib.SMTPException) as error:
                log.warning("an error was not mailed", extra={"reason": type(error).__name__})

    def _deliver(self, mail: EmailMessage) -> None:
        told = self._settings
        with smtplib.SMTP(told.mail_server, told.mail_port, timeout=SECONDS) as server:
            if told.mail_use_tls:
                server.starttls(context=ssl.create_default_context())
            if told.mail_username:
                server.login(told.mail_username, told.mail_password)
            server.send_message(mail)


def install(service: str, settings: Settings, formatter: Any) -> None:
    """Only where there is a mail server, somebody to tell, and not told otherwise."""
    if settings.mail_server and settings.admin and settings.error_mails_per_hour:
        handler = ErrorMails(service, settings)
        handler.setFormatter(formatter)
        logging.getLogger().addHandler(handler)
