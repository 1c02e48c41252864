"""Idempotency keys: the same POST sent again gives the first answer again, and nothing is done twice.

The key is a row in the transaction of what it names, written with its first event, so it exists exactly when
that was done. The answer is kept right after, with the names of its events (`Event-Ids`): who has to ask
again wants to read what was written, too. Should the process die in between, the answer is made again from
the subject of the event. Either way it is given only while that is there: what has been removed or hidden
since is so for whoever made it, too.
See the IETF draft "The Idempotency-Key HTTP Header Field".
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from flask import Response, g, has_request_context, request

from .access import Answer, respond
from .database import database
from .events import now
from .problems import Invalid, NotFound, Refusal
from .settings import settings
from .tables import Timestamp
from .tokens import Actor

KEY = re.compile(r"[\x21-\x7e]{1,128}")
STRANGERS = 0  # owns the keys of those who are not signed in
CLAIM = sa.text(
    "INSERT INTO idempotency_keys (owner, key, fingerprint, made_at, subject, events)"
    " VALUES (:owner, :key, :fingerprint, :made_at, :subject, :events) ON CONFLICT (owner, key) DO NOTHING"
).bindparams(sa.bindparam("made_at", type_=Timestamp))


@dataclass(frozen=True)
class Key:
    """A key as it was sent, whose it is, and with which request."""

    owner: int
    key: str
    fingerprint: str


class OtherRequest(Refusal):
    status, message = (
        422,
        "This Idempotency-Key was used for another request. Use a new key for a new request.",
    )


class DoneAndGone(Refusal):
    """It was done, and what it made is there no more."""

    status, message = 410, "This was done when it was first sent. What it made has been removed since."


class DoneAlready(Refusal):
    """Another request with this key was faster."""


def once(actor: Actor | None, act: Callable[[], Response], again: Callable[[int], Answer]) -> Response:
    """Does it, unless this caller's key says that it was done; then answers as before.

    Args:
        act: does it and gives the answer.
        again: the answer for the subject with this id; raises `NotFound` if it has gone.
    """
    key = presented(actor)
    known = recall(key)
    if known is None:
        g.idempotency = key
        try:
            return keep(act())
        except Refusal:
            known = recall(key)
            if known is None:
                raise
    return repeated(known, key.fingerprint, again)


def presented(actor: Actor | None) -> Key:
    """The key of this request. Raises `Invalid`.

    Strangers share one owner: only who sends the whole request again, which they alone know, gets its answer.
    It may hold a password, so what is kept of it cannot be tried out by who reads the database alone.
    """
    key = request.headers["Idempotency-Key"]
    if not KEY.fullmatch(key):
        raise Invalid("The Idempotency-Key must be 1 to 128 visible ASCII characters, such as a UUID.")
    sent = f"{request.method} {request.path}\n".encode() + request.get_data()
    if actor is not None:
        return Key(actor.id, key, hashlib.sha256(sent).hexdigest())
    secret = settings.internal_secret.get_secret_value().encode()
    return Key(STRANGERS, key, hmac.new(secret, b"idempotency\n" + sent, hashlib.sha256).hexdigest())


def recall(key: Key) -> Any:
    keys = database.idempotency_keys
    return database.row(sa.select(keys).where(keys.c.owner == key.owner, keys.c.key == key.key))


def remember_event(subject: str, name: str) -> None:
    """Called for each event of the transaction; the first one's subject is what was made. Takes the key, and
    waits for another that is just taking it. Raises `DoneAlready`.
    """
    key: Key | None = g.get("idempotency") if has_request_context() else None
    if key is None or g.get("claimed"):
        return
    values = asdict(key) | {"made_at": now(), "subject": subject, "events": name}
    if not database.change(CLAIM, values):
        database.session.rollback()
        raise DoneAlready
    g.claimed = True


def keep(response: Response) -> Response:
    """Keeps the answer for whoever asks again."""
    keys, key = database.idempotency_keys, g.idempotency
    given = {
        "status": response.status_code,
        "location": response.headers.get("Location"),
        "body": response.data,
        "events": ", ".join(g.get("event_ids", ())),
    }
    mine = (keys.c.owner == key.owner) & (keys.c.key == key.key)
    database.session.execute(sa.update(keys).where(mine).values(given))
    database.session.commit()
    return response


def repeated(row: Any, fingerprint: str, again: Callable[[int], Answer]) -> Response:
    if row["fingerprint"] != fingerprint:
        raise OtherRequest
    answer = made_again(int(row["subject"]), again)
    if row["status"] is None or answer.instead:
        response = respond(answer)
    else:
        response = Response(bytes(row["body"]), row["status"], mimetype="application/json")
        response.headers["Location"] = row["location"]
    response.headers["Idempotency-Replayed"] = "true"
    g.event_ids = row["events"].split(", ") if row["events"] else []  # a release before this one kept none
    return response


def made_again(subject: int, again: Callable[[int], Answer]) -> Answer:
    try:
        return again(subject)
    except NotFound:
        raise DoneAndGone from None
