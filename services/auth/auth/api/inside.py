"""For the other processes of this installation only: who is asking, what has changed, who was seen."""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint

from chassis.access import Answer, internal, no_content

from .. import commands, queries, shapes

api = Blueprint("inside", __name__, url_prefix="/internal")


@api.post("/exchange")
@internal()
def exchange(credential: shapes.Exchange) -> Any:
    """A short-lived token for a password, a browser's session or another token."""
    token, life = EXCHANGES[credential.kind](credential)
    return {"token": token, "expires_in": life}


EXCHANGES = {
    "password": lambda given: commands.exchange_password(given.email, given.password, given.address),
    "session": lambda given: commands.exchange_session(given.session),
    "token": lambda given: commands.exchange_token(given.token),
}


@api.get("/changes")
@internal()
def changes(asked: shapes.Since) -> Any:
    """Whose rights changed and which sessions ended since then."""
    return queries.changes(asked.since)


@api.post("/seen")
@internal()
def seen(told: shapes.Seen) -> Answer:
    """When people were last seen."""
    commands.note_seen({id: datetime.fromtimestamp(at, UTC) for id, at in told.seen.items()})
    return no_content()


@api.post("/sessions")
@internal(status=201)
def sign_in(person: shapes.SigningIn) -> Any:
    """Open a browser's session."""
    return commands.sign_in(
        person.email,
        person.password,
        remember=person.remember,
        address=person.address,
        agent=person.agent,
        device=person.device,
    )._asdict()
