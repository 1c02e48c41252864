"""What mails say: a text and its HTML twin for each purpose, with absolute links under the public address."""

from datetime import datetime
from typing import NamedTuple

from flask import current_app

from chassis.links import absolute
from chassis.settings import settings

CONFIRM, RESET, CHANGE_EMAIL = "confirm", "reset", "change_email"
RECEIPT = "removed"
SUBJECTS = {
    CONFIRM: "Confirm Your Account",
    RESET: "Reset Your Password",
    CHANGE_EMAIL: "Confirm Your New E-Mail Address",
    RECEIPT: "Your Account Has Been Removed",
}
PATHS = {CONFIRM: "/auth/confirm", RESET: "/auth/reset", CHANGE_EMAIL: "/auth/change-email"}


class Letter(NamedTuple):
    subject: str
    text: str
    html: str


def write(purpose: str, username: str, token: str) -> Letter:
    """The mail of a purpose, with its link."""
    values = {"username": username, "link": absolute(f"{PATHS[purpose]}/{token}"), "site": absolute("/")}
    return _letter(purpose, values)


def receipt(username: str, requested: datetime, done: datetime) -> Letter:
    """The mail after an account was removed, with the dates."""
    dates = {"requested": f"{requested:%Y-%m-%d %H:%M} UTC", "done": f"{done:%Y-%m-%d %H:%M} UTC"}
    return _letter(RECEIPT, {"username": username, "site": absolute("/"), **dates})


def _letter(purpose: str, values: dict[str, str]) -> Letter:
    text, html = (
        current_app.jinja_env.get_template(f"mail/{purpose}.{form}").render(values)
        for form in ("txt", "html")
    )
    return Letter(subject(SUBJECTS[purpose]), text, html)


def subject(words: str) -> str:
    """The prefix, one blank, the words."""
    return f"{settings.mail_subject_prefix.strip()} {words}".strip()
