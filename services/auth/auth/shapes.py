"""What the world sends to auth and gets from it."""

import re
from typing import Annotated, Any, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, PlainValidator, StrictBool, StringConstraints, model_validator

from chassis.links import absolute, avatar_url
from chassis.paging import Paging, collection_of
from chassis.shapes import Id, Line, Moment, Query, Shape, at_most, clean, one_line, utc

from .passwords import LONGEST

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")


def username(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("must begin with a letter and have only letters, digits, dots and underscores")
    return text


def email(text: str) -> str:
    """Lower-case, as it is stored; whether somebody reads it is shown by a link, not by asking the DNS."""
    try:
        found = validate_email(text, check_deliverability=False, allow_smtputf8=False, test_environment=True)
    except EmailNotValidError:
        raise ValueError("is not a valid e-mail address") from None
    return str(found.ascii_email).lower()


def role_named(role: Any) -> int | str:
    """By its id or its name."""
    if isinstance(role, int) and not isinstance(role, bool) and 0 < role < 2**63:
        return role
    if isinstance(role, str) and len(role) <= 64:
        return clean(role)
    raise ValueError("must be the id or the name of a role")


Username = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(username)]
Address = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254), AfterValidator(one_line)
]
Email = Annotated[Address, AfterValidator(email)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST), AfterValidator(clean)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=256), AfterValidator(one_line)]
Jwt = Annotated[str, StringConstraints(max_length=4096), AfterValidator(one_line)]
Short = Annotated[str, StringConstraints(max_length=64), AfterValidator(one_line)]
Agent = Annotated[str, StringConstraints(max_length=1024), AfterValidator(one_line)]
RoleName = Annotated[int | str, PlainValidator(role_named, json_schema_input_type=int | str)]
AboutMe = Annotated[str, AfterValidator(clean), at_most(4 * 1024)]


class Registration(Shape):
    """A new account."""

    email: Email
    username: Username
    password: Password


class Profile(Shape):
    """What people say of themselves; what is not given stays, null empties."""

    name: Line | None = None
    location: Line | None = None
    about_me: AboutMe | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """White space alone is nothing."""
        given = self.model_dump(exclude_unset=True, include=set(Profile.model_fields))
        return {name: value if value and value.strip() else None for name, value in given.items()}


class Administration(Profile):
    """What administrators may change; what is not given stays."""

    email: Email | None = None
    username: Username | None = None
    role: RoleName | None = None
    confirmed: StrictBool | None = None
    disabled: StrictBool | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """Only what is said of oneself can be emptied; null for anything else changes nothing."""
        given = self.model_dump(exclude_unset=True, exclude=set(Profile.model_fields))
        return super().changes | {name: value for name, value in given.items() if value is not None}


class MailedToken(Shape):
    """The last part of the link in the mail."""

    token: Secret


class Reset(Shape):
    """An address asks for the mail; the token from it, with a password, sets that."""

    email: Address | None = None
    token: Secret | None = None
    password: Password | None = None

    @model_validator(mode="after")
    def one_of_both(self) -> "Reset":
        if self.email is None and (self.token is None or self.password is None):
            raise ValueError("email is missing; or else token and password")
        return self


class NewPassword(Shape):
    old_password: Password
    password: Password


class NewEmail(Shape):
    """The new address, and the current password."""

    email: Email
    password: Password


class Refresh(Shape):
    refresh_token: Secret


class Tokens(Shape):
    """`expiration` and `refresh_expiration` in seconds."""

    token: str
    expiration: int
    refresh_token: str
    refresh_expiration: int


class Finding(Paging):
    """`username` finds exactly one person, without regard to case."""

    username: Annotated[str, Field(max_length=256), AfterValidator(clean)] | None = None


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


class Exchange(Shape):
    """Internal: one of three kinds of credential."""

    kind: Literal["password", "session", "token"]
    email: Address = "-"
    password: Password = "-"  # noqa: S105
    address: Short = ""
    session: Secret = "-"
    token: Jwt = ""


class SigningIn(Shape):
    """Internal: what a person typed into the sign-in form, and the browser it came from."""

    email: Address
    password: Password
    remember: bool = False
    address: Short = ""
    agent: Agent = ""


class Since(Query):
    since: Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e11)] = 0.0


class Seen(Shape):
    """Internal: Unix times by user id."""

    seen: Annotated[
        dict[Id, Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e11)]], Field(max_length=10_000)
    ]


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
