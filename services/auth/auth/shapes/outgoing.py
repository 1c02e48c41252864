"""What the world gets from auth."""

import json
from typing import Any
from urllib.parse import urlencode

from chassis.links import absolute, site
from chassis.paging import collection_of
from chassis.shapes import Moment, Shape

from .. import agents
from .incoming import Profile

REMOVING = (
    "The account is closed: nobody can sign in with it any more. Its profile, posts, comments and follows are"
    " being erased everywhere, which takes a few seconds or, where there is very much, minutes. A mail to its"
    " address says when that is done. It cannot be undone."
)


class Tokens(Shape):
    """`expiration` and `refresh_expiration` in seconds."""

    token: str
    expiration: int
    refresh_token: str
    refresh_expiration: int


class User(Shape):
    """What everybody may see of a person."""

    id: int
    url: str
    username: str
    member_since: Moment
    last_seen: Moment
    avatar_url: str
    posts_url: str
    followed_posts_url: str
    post_count: int


class UserProfile(User):
    """A person with what they say of themselves."""

    name: str | None
    location: str | None
    about_me: str | None


class Role(Shape):
    id: int
    name: str
    permissions: int


class ListedRole(Role):
    """A role; a new account gets the one that is `default`."""

    default: bool


class Account(UserProfile):
    """An account, for its owner and administrators."""

    email: str
    role: Role
    confirmed: bool
    disabled: bool


class Removal(Shape):
    """What becomes of an account that was removed."""

    state: str
    message: str


class Session(Shape):
    """Where somebody is signed in, `name` in words. `current` is the one that asks."""

    id: str
    kind: str
    name: str
    agent: str
    address: str
    created: Moment
    last_seen: Moment
    expires: Moment
    current: bool


class Passkey(Shape):
    id: int
    name: str
    created: Moment
    last_used: Moment | None


class SecondFactor(Shape):
    """`required`: the role asks for one, and without it its rights rest."""

    enabled: bool
    required: bool
    totp: bool
    passkeys: list[Passkey]
    recovery_codes: int


class NewTotp(Shape):
    """For an authenticator app: the secret as text, and as the address that its QR code holds."""

    secret: str
    uri: str


class RecoveryCodes(Shape):
    """Shown once; empty if you have some already."""

    recovery_codes: list[str]


class PasskeyOptions(Shape):
    """`options` for `navigator.credentials.create`; `pending` is sent back with what it makes."""

    pending: str
    options: dict[str, Any]


class MadePasskey(RecoveryCodes):
    id: int


class Somebody(Shape):
    """`username` is null for who is no longer there."""

    id: int
    username: str | None


class LogEntry(Shape):
    """`user`: whom it concerns; `by`: who did it, if another. From where is told of one's own doing."""

    id: int
    at: Moment
    kind: str
    user: Somebody | None
    by: Somebody | None
    address: str
    agent: str
    detail: dict[str, Any]


class Log(Shape):
    """The next page begins before the last entry of this one; there are no totals."""

    entries: list[LogEntry]
    next_url: str | None
    next: str | None


Users = collection_of("users", User, "Users")
Roles = collection_of("roles", ListedRole, "Roles")
Sessions = collection_of("sessions", Session, "Sessions")


def user(row: Any) -> dict[str, Any]:
    """A row of `queries.user` as a `User`."""
    here = site()
    url = f"{here.url}/api/v1/users/{row['id']}"
    return {
        "id": row["id"],
        "url": url,
        "username": row["username"],
        "member_since": row["member_since"],
        "last_seen": row["last_seen"],
        "avatar_url": here.avatar_url(row["avatar_hash"]),
        "posts_url": f"{url}/posts/",
        "followed_posts_url": f"{url}/timeline/",
        "post_count": row["post_count"],
    }


def profile(row: Any) -> dict[str, Any]:
    return user(row) | {name: row[name] for name in Profile.model_fields}


def account(row: Any) -> dict[str, Any]:
    """A row of `queries.account` as an `Account`."""
    role = {"id": row["role_id"], "name": row["role_name"], "permissions": row["permissions"]}
    rights = {"confirmed": bool(row["confirmed"]), "disabled": bool(row["disabled"])}
    return profile(row) | {"email": row["email"], "role": role} | rights


def role(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in ListedRole.model_fields} | {"default": bool(row["default"])}


def removal() -> dict[str, Any]:
    return {"state": "removing", "message": REMOVING}


def session(row: Any, current: str) -> dict[str, Any]:
    """A row of `queries.sessions` as a `Session`."""
    return {
        "id": row["sid"],
        "kind": row["kind"],
        "name": agents.named(row["agent"]),
        "agent": row["agent"],
        "address": row["address"],
        "created": row["created_at"],
        "last_seen": row["last_seen"],
        "expires": row["expires_at"],
        "current": row["sid"] == current,
    }


def second_factor(account: Any, totp: bool, keys: Any, codes: int, required: bool) -> dict[str, Any]:
    return {
        "enabled": bool(account["second_factor"]),
        "required": required,
        "totp": totp,
        "passkeys": [passkey(row) for row in keys],
        "recovery_codes": codes,
    }


def passkey(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "created": row["created_at"],
        "last_used": row["last_used_at"],
    }


def log(
    rows: Any,
    size: int,
    path: str,
    told: dict[str, Any],
    *,
    viewer: int = 0,
    for_administrators: bool = False,
) -> dict[str, Any]:
    """One page; `rows` may hold one more, which tells that there is another."""
    shown = [entry(row, for_administrators or viewer == (row["actor_id"] or row["user_id"])) for row in rows]
    following = None
    if len(shown) > size:
        chosen = {name: value for name, value in told.items() if value is not None}
        query = urlencode({**chosen, "before": shown[size - 1]["id"]})
        following = absolute(f"{path}?{query}")
    return {"entries": shown[:size], "next_url": following, "next": following}


def entry(row: Any, with_origin: bool) -> dict[str, Any]:
    """From where somebody else acted is nobody's business but the administrators'. Who failed to sign in
    was perhaps the owner, perhaps not: that is told.
    """
    return {
        "id": row["id"],
        "at": row["at"],
        "kind": row["kind"],
        "user": somebody(row["user_id"], row["username"]),
        "by": somebody(row["actor_id"], row["actor_name"]),
        "address": row["address"] if with_origin else "",
        "agent": agents.named(row["agent"]) if with_origin and row["agent"] else "",
        "detail": json.loads(row["detail"]),
    }


def somebody(id: int | None, username: str | None) -> dict[str, Any] | None:
    return None if id is None else {"id": id, "username": username}
