"""Demo content for an empty blog, made as people would: through the public API, reading their mail.

john, susan and david come first, so that they are persons 1, 2 and 3 of the book's timeline example.
"""

import email
import email.policy
import os
import re
import sys
import time
from functools import partial
from pathlib import Path

from auth.fake import PASSWORD_OF_ALL, at, populate, soon
from flasky_client import Away, Flasky, Problem

from .stack import DEMO_ADMINISTRATOR

PEOPLE = ("john", "susan", "david")
FOLLOWS = ((1, 3), (2, 1), (2, 3))
POSTS = (  # susan, john, david, john: susan's timeline shows john's and david's beside her own
    (2, "body of the *blog* post"),
    (
        1,
        "Good morning from **john**. `Code` and [links](https://flask.palletsprojects.com) work.",
    ),
    (3, "I only follow people who write about *timelines*."),
    (1, "One more, so that the newest post is mine."),
)
MAIL_LIMIT = 20.0  # seconds
POLL = 0.05
TAKEN = (400, 409)


class NoMail(Exception):
    """A mail did not come in time."""


def seed(url: str, data: Path, administrator: str) -> bool:
    """Fills a blog nobody has registered at; says whether the demo people are there afterwards."""
    try:
        first = registered(url, PEOPLE[0], f"{PEOPLE[0]}@example.com")
    except Problem as problem:
        if problem.status not in TAKEN:
            raise
        return signs_in(url)
    if first != 1:
        return False
    print("An empty blog: making demo content …", flush=True)
    fill(url, data, administrator)
    return True


def signs_in(url: str) -> bool:
    try:
        return bool(at(url).sign_in(f"{PEOPLE[0]}@example.com", PASSWORD_OF_ALL).token)
    except Problem:
        return False


def fill(url: str, data: Path, administrator: str) -> None:
    for name in PEOPLE[1:]:
        registered(url, name, f"{name}@example.com")
    registered(url, "admin", administrator)
    addresses = [*(f"{name}@example.com" for name in PEOPLE), administrator]
    people = [member(url, data, address) for address in addresses]
    for follower, followed in FOLLOWS:
        soon(partial(people[follower - 1].follow, followed))
    for author, body in POSTS:
        soon(partial(people[author - 1].publish, body))
    populate(url, people[-1])


def registered(url: str, username: str, address: str) -> int:
    return at(url).register(address, username, PASSWORD_OF_ALL)["id"]


def member(url: str, data: Path, address: str) -> Flasky:
    """Somebody who has answered the mail, signed in."""
    blog = at(url)
    blog.confirm(confirmation(data / "mail", address))
    return blog.sign_in(address, PASSWORD_OF_ALL)


def confirmation(mail: Path, address: str) -> str:
    """The token in the mail to `address`, as soon as it is there."""
    deadline = time.monotonic() + MAIL_LIMIT
    while time.monotonic() < deadline:
        for path in sorted(mail.glob("*.eml"), reverse=True):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            text = message.get_body(("plain",)) if address in str(message["To"]) else None
            if text and (link := re.search(r"/auth/confirm/([\w.-]+)", text.get_content())):
                return link[1]
        time.sleep(POLL)
    raise NoMail(f"no mail to {address} in {mail} after {MAIL_LIMIT:.0f} s")


if __name__ == "__main__":
    try:
        seed(
            f"http://127.0.0.1:{os.environ.get('PORT', '8000')}",
            Path(os.environ.get("DATA", ".run")),
            os.environ.get("FLASKY_ADMIN", DEMO_ADMINISTRATOR),
        )
    except (Away, NoMail, Problem) as error:
        sys.exit(f"seed: {error}")
