"""Idempotency keys: the same POST sent again gives the first answer again, and nothing is done twice.

The key is a row in the transaction of what it names, so it exists exactly when that was done. The answer is
kept right after. Should the process die in between, it is made again from the subject of the event that was
written.
See the IETF draft "The Idempotency-Key HTTP Header Field".
"""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask, Response, g, request

from .access import Answer, respond
from .database import Database, database
from .events import now
from .problems import Invalid, Refusal
from .tokens import Actor

KEEP = timedelta(hours=24)
KEY = re.compile(r"[\x21-\x7e]{1,128}")
CLAIM = sa.text(
    "INSERT INTO idempotency_keys (owner, key, fingerprint, made_at)"
    " VALUES (:owner, :key, :fingerprint, :made_at) ON CONFLICT (owner, key) DO NOTHING"
).bindparams(sa.bindparam("made_at", type_=sa.DateTime(timezone=True)))


class OtherRequest(Refusal):
    status, message = (
        422,
        "This Idempotency-Key was used for another request. Use a new key for a new request.",
    )


def once(actor: Actor, act: Callable[[], Response], again: Callable[[int], Answer]) -> Response:
    """Does it, unless this caller's key says that it was done; then answers as before.

    Args:
        act: does it and gives the answer.
        again: the answer for the subject with this id, if the first one was lost.
    """
    key, owner = request.headers["Idempotency-Key"], actor.id
    if not KEY.fullmatch(key):
        raise Invalid("The Idempotency-Key must be 1 to 128 visible ASCII characters, such as a UUID.")
    fingerprint = hashlib.sha256(
        f"{request.method} {request.path}\n".encode() + request.get_data()
    ).hexdigest()
    if recall(owner, key) is None and claim(owner, key, fingerprint):
        g.idempotency = (owner, key)
        return keep(act())
    return repeated(recall(owner, key), fingerprint, again)


def claim(owner: int, key: str, fingerprint: str) -> bool:
    """Takes the key in the transaction that begins here. Waits for another that is just taking it."""
    values = {"owner": owner, "key": key, "fingerprint": fingerprint, "made_at": now()}
    taken: Any = database.session.execute(CLAIM, values)
    if not taken.rowcount:
        database.session.rollback()
    return bool(taken.rowcount)


def recall(owner: int, key: str) -> Any:
    keys = database.idempotency_keys
    return database.row(sa.select(keys).where(keys.c.owner == owner, keys.c.key == key))


def remember_subject(subject: str) -> None:
    """Called for each event of the transaction; the first one's subject is what was made."""
    if "idempotency" in g:
        _update(*g.idempotency, subject=subject)
        del g.idempotency


def keep(response: Response) -> Response:
    """Keeps the answer for whoever asks again."""
    given = {
        "status": response.status_code,
        "location": response.headers.get("Location"),
        "body": response.data,
    }
    _update(*_who(), **given)
    database.session.commit()
    return response


def _who() -> tuple[int, str]:
    return g.actor.id, request.headers["Idempotency-Key"]


def _update(owner: int, key: str, **values: Any) -> None:
    keys = database.idempotency_keys
    mine = (keys.c.owner == owner) & (keys.c.key == key)
    database.session.execute(sa.update(keys).where(mine).values(values))


def repeated(row: Any, fingerprint: str, again: Callable[[int], Answer]) -> Response:
    if row["fingerprint"] != fingerprint:
        raise OtherRequest
    if row["status"] is None:
        response = respond(again(int(row["subject"])))
    else:
        response = Response(bytes(row["body"]), row["status"], mimetype="application/json")
        response.headers["Location"] = row["location"]
    response.headers["Idempotency-Replayed"] = "true"
    return response


def prune(app: Flask) -> None:
    """Forgets keys after a day."""
    db: Database = app.extensions["sqlalchemy"]
    with db.engine.begin() as connection:
        keys = db.idempotency_keys
        connection.execute(sa.delete(keys).where(keys.c.made_at < now() - KEEP))
