"""What the world gets from auth."""

from typing import Any

from chassis.links import absolute, avatar_url
from chassis.paging import collection_of
from chassis.shapes import Moment, Shape, utc

from .incoming import Profile


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


class Session(Shape):
    """Where somebody is signed in. `current` is the one that asks."""

    id: str
    kind: str
    agent: str
    address: str
    created: Moment
    last_seen: Moment
    expires: Moment
    current: bool


Users = collection_of("users", User, "Users")
Roles = collection_of("roles", ListedRole, "Roles")
Sessions = collection_of("sessions", Session, "Sessions")


def user(row: Any) -> dict[str, Any]:
    """A row of `queries.user` as a `User`."""
    url = absolute(f"/api/v1/users/{row['id']}")
    return {
        "id": row["id"],
        "url": url,
        "username": row["username"],
        "member_since": utc(row["member_since"]),
        "last_seen": utc(row["last_seen"]),
        "avatar_url": avatar_url(row["avatar_hash"]),
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


def session(row: Any, current: str) -> dict[str, Any]:
    """A row of `queries.sessions` as a `Session`."""
    return {
        "id": row["sid"],
        "kind": row["kind"],
        "agent": row["agent"],
        "address": row["address"],
        "created": utc(row["created_at"]),
        "last_seen": utc(row["last_seen"]),
        "expires": utc(row["expires_at"]),
        "current": row["sid"] == current,
    }
