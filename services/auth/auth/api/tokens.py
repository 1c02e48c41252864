"""Tokens of API clients, and the keys that everybody verifies them with."""

from typing import Any

from flask import Blueprint, request

from chassis.access import Answer, needs, public, respond
from chassis.tokens import Actor

from .. import commands, keys, queries, shapes
from .answers import identity_changed

api = Blueprint("tokens", __name__)
NO_STORE = {"Cache-Control": "no-store"}
KEYS_KEPT = 1  # seconds


@api.post("/api/v1/tokens/")
@needs(gives=shapes.Tokens, first=queries.by_password, lacking=True, refuses=(429,), confirmed=False)
def issue_tokens(owner: Actor, step: shapes.Step) -> Answer:
    """Get a token that lives an hour; sign in with e-mail and password for it, not with a token.

    An account with a second factor sends a code of it, too.
    """
    return Answer(commands.issue_tokens(owner, step.otp), headers=NO_STORE)


@api.delete("/api/v1/tokens/")
@needs(confirmed=False, status=204, refuses=(400,))
def end_token(owner: Actor) -> Answer:
    """End the token of this request, and its refresh token."""
    commands.end_session(owner, owner.session)
    return identity_changed(owner.id, status=204)


@api.post("/api/v1/tokens/refresh")
@public(gives=shapes.Tokens, refuses=(401, 403))
def refresh(held: shapes.Refresh) -> Answer:
    """Exchange a refresh token for new tokens; it is used up by that."""
    return Answer(commands.refresh(held.refresh_token), headers=NO_STORE)


@api.get("/.well-known/jwks.json")
@public(tagged=True)
def jwks() -> Any:
    """The keys that tokens are verified with (RFC 7517). Everybody who verifies asks every second."""
    answer = respond(keys.keyring().document())
    answer.cache_control.public, answer.cache_control.max_age = True, KEYS_KEPT
    answer.add_etag()
    return answer.make_conditional(request)
