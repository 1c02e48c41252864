"""A mail server that keeps everything to itself: for trying the blog out.

SMTP on port 1025; on 8025 a page of what came, newest first, and the same as JSON. In memory, the last 200.
"""

import email
import email.policy
import html
import json
import re
import signal
import sys
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

KEPT: deque[dict[str, str]] = deque(maxlen=200)
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Mail</title>
<h1>Mail that went nowhere</h1>{mails}"""
MAIL = "<article><h2>{subject}</h2><p>to {to}</p><pre>{text}</pre></article>"


class Keeper:
    """aiosmtpd calls it with each mail."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        message = email.message_from_bytes(envelope.original_content or b"", policy=email.policy.default)
        body = message.get_body(("plain", "html"))
        text = body.get_content() if body else ""
        KEPT.appendleft(
            {"to": ", ".join(envelope.rcpt_tos), "subject": str(message["Subject"]), "text": text}
        )
        return "250 Kept, and delivered to nobody"


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind, text = "text/html", page()
        if self.path == "/mails.json":
            kind, text = "application/json", json.dumps(list(KEPT))
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Security-Policy", "default-src 'none'")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Nobody needs to know who looked."""


def page() -> str:
    mails = [{name: html.escape(value) for name, value in mail.items()} for mail in list(KEPT)]
    linked = [
        mail | {"text": re.sub(r"https?://\S+", r'<a href="\g<0>">\g<0></a>', mail["text"])} for mail in mails
    ]
    return PAGE.format(mails="".join(MAIL.format(**mail) for mail in linked) or "<p>None yet.</p>")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    Controller(Keeper(), hostname="0.0.0.0", port=1025).start()  # noqa: S104 # nosec B104 - in a container
    ThreadingHTTPServer(("0.0.0.0", 8025), Pages).serve_forever()  # noqa: S104 # nosec B104 - in a container
