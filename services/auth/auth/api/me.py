"""One's own account: profile, password, address, sessions, and the links that come by mail."""

from typing import Any

from flask import Blueprint

from chassis.access import Answer, caller, needs, public
from chassis.paging import Paging, collection
from chassis.settings import settings
from chassis.tokens import Actor

from .. import commands, queries, shapes
from .answers import address, expected, identity_changed, tagged

api = Blueprint("me", __name__, url_prefix="/api/v1/users")


def own(owner: Actor) -> Answer:
    row = queries.account_of(owner)
    return Answer(shapes.account(row), headers=tagged(row))


@api.get("/me")
@needs(confirmed=False, gives=shapes.Account, tagged="changes")
def me(owner: Actor) -> Answer:
    """Your account."""
    return own(owner)


@api.patch("/me")
@needs(gives=shapes.Account, refuses=(409,), tagged="changes")
def edit_me(owner: Actor, profile: shapes.Profile) -> Answer:
    """Change what you say of yourself."""
    commands.edit_profile(owner.id, profile.changes, expected())
    return own(owner)


@api.delete("/me")
@needs(confirmed=False, gives=shapes.Removal, status=202, refuses=(409, 429), tagged="changes")
def remove_me(owner: Actor, proof: shapes.Proof) -> Answer:
    """Remove your account and everything you have written; asks for your password, and cannot be undone."""
    commands.remove_me(owner, proof.password, address(), expected())
    return identity_changed(owner.id, shapes.removal(), 202)


@api.put("/me/password")
@needs(confirmed=False, status=204, refuses=(409, 429))
def change_password(owner: Actor, wish: shapes.NewPassword) -> Answer:
    """Change your password; you are signed out everywhere else."""
    commands.change_password(owner, wish.old_password, wish.password, address())
    return identity_changed(owner.id, status=204)


@api.post("/me/email")
@needs(confirmed=False, status=202, refuses=(409, 429))
def propose_email(owner: Actor, wish: shapes.NewEmail) -> Answer:
    """Ask for another e-mail address; a link is mailed to it."""
    commands.propose_email(owner, wish.email, wish.password, address())
    return Answer(status=202)


@api.post("/me/confirmation")
@needs(confirmed=False, status=202, refuses=(429,))
def send_confirmation(owner: Actor) -> Answer:
    """Have the link that confirms your account mailed again."""
    commands.send_confirmation(owner)
    return Answer(status=202)


@api.get("/me/sessions/")
@needs(confirmed=False, gives=shapes.Sessions)
def sessions(owner: Actor, paging: Paging) -> Any:
    """Where you are signed in, the latest used first."""
    size, count = settings.users_per_page, queries.sessions_total(owner.id)
    found = queries.sessions(owner.id, size, paging.offset(size))
    shown = [shapes.session(row, owner.session) for row in found]
    path = "/api/v1/users/me/sessions/"
    return collection("sessions", shown, count=count, page=paging.page, size=size, path=path)


@api.delete("/me/sessions/")
@needs(confirmed=False, status=204)
def end_all_sessions(owner: Actor) -> Answer:
    """Sign out everywhere, here too."""
    commands.end_all_sessions(owner)
    return identity_changed(owner.id, status=204)


@api.delete("/me/sessions/<session>")
@needs(confirmed=False, status=204, refuses=(404,), first=queries.own_session_exists)
def end_session(owner: Actor, session: str) -> Answer:
    """Sign out at one place."""
    commands.end_session(owner, session)
    return identity_changed(owner.id, status=204)


@api.get("/me/log/")
@needs(confirmed=False, gives=shapes.Log)
def log(owner: Actor, asked: shapes.OwnLooking) -> Any:
    """What was done with your account, and by you, the newest first."""
    size, kind = settings.log_page, asked.kind or ""
    found = queries.log_entries(size + 1, user=owner.id, kind=kind, before=asked.before)
    return shapes.log(found, size, "/api/v1/users/me/log/", {"kind": asked.kind}, viewer=owner.id)


@api.post("/confirm")
@public(gives=shapes.User)
def confirm(mailed: shapes.MailedToken) -> Answer:
    """Confirm an account with the token from the mail; nobody need be signed in."""
    id = commands.confirm(mailed.token, caller())
    return identity_changed(id, shapes.user(queries.user(id)))


@api.post("/reset")
@public(gives=shapes.User, also=(202,))
def reset_password(wish: shapes.Reset) -> Answer:
    """Ask for the mail that lets you choose a new password (202), or choose it with the token from there."""
    if wish.token is None or wish.password is None:
        commands.ask_reset(wish.email or "")
        return Answer(status=202)
    id = commands.reset_password(wish.token, wish.password)
    return identity_changed(id, shapes.user(queries.user(id)))


@api.post("/change-email")
@public(gives=shapes.User, refuses=(409,))
def change_email(mailed: shapes.MailedToken) -> Answer:
    """Take the new e-mail address, with the token from the mail sent there; nobody need be signed in."""
    id = commands.change_email(mailed.token, caller())
    return identity_changed(id, shapes.user(queries.user(id)))
