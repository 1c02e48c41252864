"""Demo content for an empty blog, made as people would: through the public API, reading their mail.

john, susan and david come first, so that they are persons 1, 2 and 3 of the book's timeline example.
"""

import email
import email.policy
import os
import re
import sys
import time
from pathlib import Path

import click
import requests

from auth.fake import PASSWORD_OF_ALL as PASSWORD
from auth.fake import Api, Refused, populate

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
TAKEN = (requests.codes.bad_request, requests.codes.conflict)


def seed(url: str, data: Path, administrator: str) -> bool:
    """Fills a blog nobody has registered at; says whether the demo people are there afterwards."""
    api = Api(url)
    try:
        first = register(api, PEOPLE[0], f"{PEOPLE[0]}@example.com")
    except Refused as refused:
        if refused.status not in TAKEN:
            raise
        return signs_in(api)
    if first != 1:
        return False
    print("An empty blog: making demo content …", flush=True)
    fill(api, data, administrator)
    return True


def signs_in(api: Api) -> bool:
    try:
        return bool(api.token(f"{PEOPLE[0]}@example.com", PASSWORD))
    except Refused:
        return False


def fill(api: Api, data: Path, administrator: str) -> None:
    for name in PEOPLE[1:]:
        register(api, name, f"{name}@example.com")
    register(api, "admin", administrator)
    addresses = [*(f"{name}@example.com" for name in PEOPLE), administrator]
    for address in addresses:
        api.ask("POST", "/users/confirm", token=confirmation(data / "mail", address))
    tokens = [api.token(address, PASSWORD) for address in addresses]
    for follower, followed in FOLLOWS:
        api.soon("PUT", f"/users/{followed}/follow", tokens[follower - 1])
    for author, body in POSTS:
        api.soon("POST", "/posts/", tokens[author - 1], body=body)
    populate(api, tokens[-1])


def register(api: Api, username: str, address: str) -> int:
    return api.ask("POST", "/users/", email=address, username=username, password=PASSWORD)["id"]


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
    raise click.ClickException(f"no mail to {address} in {mail} after {MAIL_LIMIT:.0f} s")


if __name__ == "__main__":
    try:
        seed(
            f"http://127.0.0.1:{os.environ.get('PORT', '8000')}",
            Path(os.environ.get("DATA", ".run")),
            os.environ.get("FLASKY_ADMIN", DEMO_ADMINISTRATOR),
        )
    except click.ClickException as error:
        sys.exit(f"seed: {error.message}")
