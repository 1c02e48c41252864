"""I5: what is private is where it belongs: in no other database, event, log or mail."""

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from deploy.local.stack import Stack

from ..people import PASSWORD
from .books import Books

ADDRESSES = {("users", "email"), ("mail_tokens", "email"), ("audit", "detail")}
MAILS = {("mails", name) for name in ("to", "text", "html", "error")}
TEXTS = {("posts", "posts"), ("posts", "comments"), ("posts", "outbox"), ("posts", "idempotency_keys")}


def not_private(stack: Stack, books: Books) -> Iterable[str]:
    """I5: addresses, passwords and texts are where they belong and nowhere else."""
    addresses = [email for (email,) in books.rows("auth", "SELECT email FROM users WHERE removed_at IS NULL")]
    told = json.dumps([event["data"] for event in books.events()])
    yield from (f"the address {address} is in an event" for address in addresses if address in told)
    texts = [
        body for (body,) in books.rows("posts", "SELECT body FROM posts UNION SELECT body FROM comments")
    ]
    secrets = [*addresses, PASSWORD, *(text for text in texts if len(text) > 15)]
    for path in stack.logs.glob("*.log"):
        yield from (f"{s[:20]!r} is in {path.name}" for s in held(secrets, path.read_text(errors="replace")))
    yield from misplaced(books, addresses, [text for text in texts if len(text) > 15])
    yield from misdirected(stack, addresses)


def misplaced(books: Books, addresses: list[str], texts: list[str]) -> Iterable[str]:
    """What only auth may know, what only posts and social's cards may hold: every column of every table."""
    for service, engine in books.engines.items():
        for table in sa.inspect(engine).get_table_names():
            columns = [column["name"] for column in sa.inspect(engine).get_columns(table)]
            rows = books.rows(service, f'SELECT * FROM "{table}"')
            for number, column in enumerate(columns):
                text = "\n".join(readable(row[number]) for row in rows)
                secrets = [PASSWORD]
                if service != "auth" or (table, column) not in ADDRESSES | MAILS:
                    secrets += addresses
                if (service, table) not in TEXTS and (service, table) != ("social", "cards"):
                    secrets += texts
                yield from (f"{s[:20]!r} is in {service}.{table}.{column}" for s in held(secrets, text))


def held(secrets: Iterable[str], text: str) -> Iterable[str]:
    """Those that are in the text. Of thousands most begin alike, and no beginning is in most texts."""
    alike: dict[str, list[str]] = {}
    for secret in secrets:
        alike.setdefault(secret[:6], []).append(secret)
    for beginning, some in alike.items():
        if beginning in text:
            yield from (secret for secret in some if secret in text)


def readable(value: Any) -> str:
    return bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else str(value)


def misdirected(stack: Stack, addresses: list[str]) -> Iterable[str]:
    """A mail names nobody's address but its reader's."""
    for path in (stack.data / "mail").glob("*.eml"):
        mail = path.read_text(errors="replace")
        reader = mail.partition("\nTo: ")[2].partition("\n")[0]
        others = (address for address in addresses if address in mail and address not in reader)
        yield from (f"the address {other} is in a mail to {reader}" for other in others)
