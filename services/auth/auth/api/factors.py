"""One's own second factors. Every change asks for the password once more."""

from typing import Any

from flask import Blueprint

from chassis.access import Answer, created, needs
from chassis.settings import settings
from chassis.tokens import Actor

from .. import commands, queries, shapes
from ..models import Permission
from .answers import address, identity_changed

api = Blueprint("factors", __name__, url_prefix="/api/v1/users/me/second-factor")
NO_STORE = {"Cache-Control": "no-store"}


@api.get("")
@needs(confirmed=False, gives=shapes.SecondFactor)
def second_factor(owner: Actor) -> Any:
    """Your second factors."""
    account = queries.account_of(owner)
    required = settings.admin_second_factor and bool(account["permissions"] & Permission.ADMIN)
    keys, codes = queries.passkeys(owner.id), queries.recovery_codes_left(owner.id)
    return shapes.second_factor(account, queries.has_totp(owner.id), keys, codes, required)


@api.post("/totp")
@needs(status=201, gives=shapes.NewTotp, refuses=(409, 429))
def begin_totp(owner: Actor, wish: shapes.Confirmation) -> Answer:
    """Get a secret for an authenticator app; it counts once you have sent a code of it."""
    return Answer(commands.begin_totp(owner, wish.password, address())._asdict(), 201, NO_STORE)


@api.put("/totp")
@needs(gives=shapes.RecoveryCodes, refuses=(429,))
def confirm_totp(owner: Actor, shown: shapes.FirstCode) -> Answer:
    """Send the first code of the app: from now on one is needed.

    With the first factor come recovery codes.
    """
    codes = commands.confirm_totp(owner, shown.code)
    return identity_changed(owner.id, {"recovery_codes": codes})


@api.delete("/totp")
@needs(status=204, refuses=(404, 429))
def remove_totp(owner: Actor, wish: shapes.Confirmation) -> Answer:
    """Give up the authenticator app."""
    commands.remove_totp(owner, wish.password, address())
    return identity_changed(owner.id, status=204)


@api.post("/recovery-codes")
@needs(gives=shapes.RecoveryCodes, refuses=(409, 429))
def renew_codes(owner: Actor, wish: shapes.Confirmation) -> Answer:
    """Get ten new recovery codes; the older ones are void."""
    codes = commands.renew_codes(owner, wish.password, address())
    return Answer({"recovery_codes": codes}, headers=NO_STORE)


@api.post("/passkeys/options")
@needs(gives=shapes.PasskeyOptions, refuses=(409, 429))
def begin_passkey(owner: Actor, wish: shapes.Confirmation) -> Answer:
    """Get what a browser needs to make a passkey."""
    return Answer(commands.begin_passkey(owner, wish.password, address()), headers=NO_STORE)


@api.post("/passkeys/")
@needs(status=201, gives=shapes.MadePasskey, refuses=(409,), located=True)
def add_passkey(owner: Actor, new: shapes.NewPasskey) -> Answer:
    """Keep the passkey that the browser made. With the first factor come recovery codes."""
    id, codes = commands.add_passkey(owner, new.pending, new.name, new.credential)
    answer = created({"id": id, "recovery_codes": codes}, at=f"/api/v1/users/me/second-factor/passkeys/{id}")
    return Answer(answer.body, 201, {**answer.headers, **NO_STORE, "Identity-Changed": str(owner.id)})


@api.delete("/passkeys/<int:id>")
@needs(status=204, refuses=(404, 429))
def remove_passkey(owner: Actor, id: int, wish: shapes.Confirmation) -> Answer:
    """Give up a passkey."""
    commands.remove_passkey(owner, id, wish.password, address())
    return identity_changed(owner.id, status=204)
