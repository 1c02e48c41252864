"""People and roles."""

from typing import Any

from flask import Blueprint

from chassis.access import Answer, created, needs, public
from chassis.paging import collection
from chassis.settings import settings
from chassis.tokens import Actor

from .. import commands, queries, shapes
from ..models import Permission
from .answers import expected, identity_changed, tagged

ADMIN = Permission.ADMIN
api = Blueprint("people", __name__, url_prefix="/api/v1")


@api.post("/users/")
@public(gives=shapes.User, status=201, refuses=(409,), again=lambda id: registered(id))
def register(wanted: shapes.Registration) -> Answer:
    """Register; a mail with a link to confirm the account follows."""
    return registered(commands.register(wanted.email, wanted.username, wanted.password).id)


def registered(id: int) -> Answer:
    shown = shapes.user(queries.user(id))
    return created(shown, at=shown["url"])


@api.get("/users/")
@needs(strangers=True, gives=shapes.Users, fed=("posts",))
def users(finding: shapes.Finding) -> Any:
    """Everybody in the order of registration, or the one of a username."""
    path, size = "/api/v1/users/", settings.users_per_page
    if finding.username is not None:
        named = [shapes.user(row) for row in queries.users_named(finding.username)]
        return collection("users", named, count=len(named), page=1, size=size, path=path)
    found = [shapes.user(row) for row in queries.users(size, finding.offset(size))]
    count = queries.users_total()
    return collection("users", found, count=count, page=finding.page, size=size, path=path)


@api.get("/users/<int:id>")
@needs(strangers=True, gives=shapes.User, refuses=(404,), fed=("posts",))
def user(id: int) -> Any:
    """One person."""
    return shapes.user(queries.user(id))


@api.get("/users/<int:id>/profile")
@needs(strangers=True, gives=shapes.UserProfile, refuses=(404,), fed=("posts",))
def profile(id: int) -> Any:
    """One person, with what they say of themselves."""
    return shapes.profile(queries.user(id))


@api.get("/users/<int:id>/account")
@needs(ADMIN, gives=shapes.Account, refuses=(404,), tagged="changes")
def account(id: int) -> Answer:
    """Everything about an account; for administrators."""
    row = queries.account(id)
    return Answer(shapes.account(row), headers=tagged(row))


@api.patch("/users/<int:id>")
@needs(ADMIN, gives=shapes.Account, refuses=(404, 409), first=queries.user_exists, tagged="changes")
def administer(administrator: Actor, id: int, wish: shapes.Administration) -> Answer:
    """Change an account: role, confirmed, disabled, names; for administrators."""
    commands.administer(id, wish.changes, administrator.id, expected())
    row = queries.account(id)
    return identity_changed(id, shapes.account(row), headers=tagged(row))


@api.delete("/users/<int:id>")
@needs(
    ADMIN, gives=shapes.Removal, status=202, refuses=(404, 409), first=queries.user_exists, tagged="changes"
)
def remove(administrator: Actor, id: int) -> Answer:
    """Remove somebody's account and everything they have written; for administrators."""
    commands.remove(id, administrator, expected())
    return identity_changed(id, shapes.removal(), 202)


@api.delete("/users/<int:id>/second-factor")
@needs(ADMIN, status=204, refuses=(404,), first=queries.user_exists)
def drop_factors(administrator: Actor, id: int) -> Answer:
    """Take away all second factors of somebody who has lost them; for administrators."""
    commands.drop_factors(id, administrator.id)
    return identity_changed(id, status=204)


@api.get("/log/")
@needs(ADMIN, gives=shapes.Log)
def whole_log(asked: shapes.Looking) -> Any:
    """The audit log, the newest first: of one person, of one kind; for administrators."""
    found = queries.log_entries(
        settings.log_page + 1, user=asked.user, kind=asked.kind or "", before=asked.before
    )
    told = {"user": asked.user, "kind": asked.kind}
    return shapes.log(found, settings.log_page, "/api/v1/log/", told, for_administrators=True)


@api.get("/roles/")
@needs(gives=shapes.Roles)
def roles() -> Any:
    """All roles by name."""
    found = [shapes.role(row) for row in queries.roles()]
    return collection("roles", found, count=len(found), page=1, size=len(found), path="/api/v1/roles/")
