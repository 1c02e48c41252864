"""For the other processes of this installation only: who is asking, what has changed, who was seen."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint

from chassis.access import Answer, internal, no_content

from .. import commands, origin, queries, shapes

api = Blueprint("inside", __name__, url_prefix="/internal")


@api.post("/exchange")
@internal()
def exchange(credential: shapes.Exchange) -> Any:
    """A short-lived token for a password, a browser's session or another token. Whoever shows a password and
    asks for tokens gets those with it (`issued`), unless the account is unconfirmed or has a second factor:
    that is told where tokens are asked for with this one.
    """
    origin.begin(credential.address, credential.agent)
    token, life, issued = EXCHANGES[credential.kind](credential)
    return {"token": token, "expires_in": life} | ({"issued": issued} if issued else {})


EXCHANGES: dict[str, Callable[[shapes.Exchange], tuple[str, int, Any]]] = {
    "password": lambda given: commands.exchange_password(
        given.email, given.password, given.address, issue=given.issue
    ),
    "session": lambda given: (*commands.exchange_session(given.session), None),
    "token": lambda given: (*commands.exchange_token(given.token), None),
}


@api.get("/changes")
@internal()
def changes(asked: shapes.Since) -> Any:
    """Whose rights changed and which sessions ended since then."""
    return queries.changes(asked.since, asked.after, asked.size or queries.EVERYTHING)


@api.post("/seen")
@internal()
def seen(told: shapes.Seen) -> Answer:
    """When people were last seen."""
    commands.note_seen({id: datetime.fromtimestamp(at, UTC) for id, at in told.seen.items()})
    return no_content()


@api.post("/sessions")
@internal(status=201, also=(202,), refuses=(401, 403, 429))
def sign_in(person: shapes.SigningIn) -> Answer:
    """Open a browser's session (201), or begin to, where a second step is needed (202)."""
    origin.begin(person.address, person.agent)
    done = commands.sign_in(person.email, person.password, remember=person.remember, device=person.device)
    return Answer(done._asdict(), 202 if isinstance(done, commands.Begun) else 201)


@api.post("/sessions/ways")
@internal()
def ways(begun: shapes.Pending) -> Any:
    """How the second step of a sign-in may be done."""
    return commands.ways(begun.pending)


@api.post("/sessions/second")
@internal(status=201, refuses=(401, 429))
def finish_sign_in(step: shapes.SecondStep) -> Any:
    """The second step of a sign-in: the session is open."""
    origin.begin(step.address, step.agent)
    shown = commands.Second(step.otp, step.passkey)
    return commands.finish_sign_in(step.pending, shown, device=step.device)._asdict()
