"""What the world, and the other processes of the installation, send to auth."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, StrictBool, model_validator

from chassis.paging import Paging
from chassis.shapes import AS_WRITTEN, FRACTION_AS_WRITTEN, Id, Line, Query, Shape, clean

from .fields import AboutMe, Address, Agent, Code, Email, Jwt, Password, RoleName, Secret, Short, Username

PLACE = r"^([0-9]{1,16}\.[0-9]{1,18}\.[0-9]{1,16}\.[0-9a-f]{0,32})?$"


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


class Proof(Shape):
    """The current password."""

    password: Password


class NewEmail(Shape):
    """The new address, and the current password."""

    email: Email
    password: Password


class Step(Shape):
    """`otp`: a code of an authenticator app, or a recovery code; for accounts with a second factor."""

    optional: ClassVar[bool] = True
    otp: Code | None = None


class Confirmation(Shape):
    """The password once more."""

    password: Password


class FirstCode(Shape):
    code: Code


class NewPasskey(Shape):
    """What the browser made (WebAuthn, `PublicKeyCredential.toJSON()`), and a name for it."""

    pending: Secret
    name: Annotated[Line, Field(min_length=1)]
    credential: dict[str, Any]


class OwnLooking(Query):
    """`before`: the id from which on to go back; `kind`: one kind of entries."""

    before: Annotated[int, Field(ge=1, le=2**63 - 1), AS_WRITTEN] | None = None
    kind: Annotated[str, Field(max_length=32), AfterValidator(clean)] | None = None


class Looking(OwnLooking):
    """`user`: the id of a person."""

    user: Annotated[int, Field(ge=1, le=2**63 - 1), AS_WRITTEN] | None = None


class Pending(Shape):
    """Internal: a sign-in that was begun."""

    pending: Secret


class SecondStep(Pending):
    """Internal: a code, or what the browser's passkey made, and the browser."""

    otp: Annotated[str, Field(max_length=64), AfterValidator(clean)] = ""
    passkey: dict[str, Any] | None = None
    address: Short = ""
    agent: Agent = ""
    device: Agent = ""


class Refresh(Shape):
    refresh_token: Secret


class Finding(Paging):
    """`username` finds exactly one person, without regard to case."""

    username: Annotated[str, Field(max_length=256), AfterValidator(clean)] | None = None


class Exchange(Shape):
    """Internal: one of three kinds of credential. `issue`: whoever shows a password, by the program `agent`,
    asks for tokens.
    """

    kind: Literal["password", "session", "token"]
    email: Address = "-"
    password: Password = "-"  # noqa: S105 - "not given"
    address: Short = ""
    agent: Agent = ""
    issue: bool = False
    session: Secret = "-"
    token: Jwt = ""


class SigningIn(Shape):
    """Internal: what a person typed into the sign-in form, and the browser it came from."""

    email: Address
    password: Password
    remember: bool = False
    address: Short = ""
    agent: Agent = ""
    device: Agent = ""


class Since(Query):
    """`size`: of how many is told at once, without it of all, as askers of former releases expect; `after`:
    the `next` of the answer before.
    """

    since: Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e11), FRACTION_AS_WRITTEN] = 0.0
    size: Annotated[int, Field(ge=1, le=1000), AS_WRITTEN] | None = None
    after: Annotated[str, Field(pattern=PLACE)] = ""


class Seen(Shape):
    """Internal: Unix times by user id."""

    seen: Annotated[
        dict[Id, Annotated[float, Field(allow_inf_nan=False, ge=0, le=1e11)]], Field(max_length=10_000)
    ]
