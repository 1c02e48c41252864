"""What the API gives and takes, as types. Written by generate.py, not by hand."""

from typing import Any, NotRequired, TypedDict


class Account(TypedDict):
    """An account, for its owner and administrators."""

    about_me: str | None
    avatar_url: str
    confirmed: bool
    disabled: bool
    email: str
    followed_posts_url: str
    id: int
    last_seen: str
    location: str | None
    member_since: str
    name: str | None
    post_count: int
    posts_url: str
    role: "Role"
    url: str
    username: str
    etag: NotRequired[str]  # where it was read for itself; not in lists


class Administration(TypedDict):
    """What administrators may change; what is not given stays."""

    about_me: NotRequired[str | None]
    confirmed: NotRequired[bool | None]
    disabled: NotRequired[bool | None]
    email: NotRequired[str | None]
    location: NotRequired[str | None]
    name: NotRequired[str | None]
    role: NotRequired[int | str | None]
    username: NotRequired[str | None]


class Author(TypedDict):
    avatar_url: str
    id: int
    url: str
    username: str | None


class Comment(TypedDict):
    author: "Author"
    author_url: str
    body: str | None
    body_html: str | None
    disabled: bool
    id: int
    post_url: str
    timestamp: str
    url: str
    etag: NotRequired[str]  # where it was read for itself; not in lists


class Comments(TypedDict):
    comments: list["Comment"]
    count: int
    next: NotRequired[str | None]
    next_url: NotRequired[str | None]
    prev: NotRequired[str | None]
    prev_url: NotRequired[str | None]


class Confirmation(TypedDict):
    """The password once more."""

    password: str


class Draft(TypedDict):
    """A post's text in Markdown. Everything else in the body is ignored."""

    body: NotRequired[str | None]


class FieldProblem(TypedDict):
    field: str
    message: str


class FirstCode(TypedDict):
    code: str


class Followers(TypedDict):
    count: int
    followers: list["Tie"]
    next: NotRequired[str | None]
    next_url: NotRequired[str | None]
    prev: NotRequired[str | None]
    prev_url: NotRequired[str | None]


class Following(TypedDict):
    count: int
    following: list["Tie"]
    next: NotRequired[str | None]
    next_url: NotRequired[str | None]
    prev: NotRequired[str | None]
    prev_url: NotRequired[str | None]


class ListedRole(TypedDict):
    """A role; a new account gets the one that is `default`."""

    default: bool
    id: int
    name: str
    permissions: int


class Log(TypedDict):
    """The next page begins before the last entry of this one; there are no totals."""

    entries: list["LogEntry"]
    next: str | None
    next_url: str | None


class LogEntry(TypedDict):
    """`user`: whom it concerns; `by`: who did it, if another. From where is told of one's own doing."""

    address: str
    agent: str
    at: str
    by: "Somebody | None"
    detail: dict[str, Any]
    id: int
    kind: str
    user: "Somebody | None"


class MadePasskey(TypedDict):
    id: int
    recovery_codes: list[str]


class MailedToken(TypedDict):
    """The last part of the link in the mail."""

    token: str


class NewEmail(TypedDict):
    """The new address, and the current password."""

    email: str
    password: str


class NewPasskey(TypedDict):
    """What the browser made (WebAuthn, `PublicKeyCredential.toJSON()`), and a name for it."""

    credential: dict[str, Any]
    name: str
    pending: str


class NewPassword(TypedDict):
    old_password: str
    password: str


class NewTotp(TypedDict):
    """For an authenticator app: the secret as text, and as the address that its QR code holds."""

    secret: str
    uri: str


class Passkey(TypedDict):
    created: str
    id: int
    last_used: str | None
    name: str


class PasskeyOptions(TypedDict):
    """`options` for `navigator.credentials.create`; `pending` is sent back with what it makes."""

    options: dict[str, Any]
    pending: str


class Post(TypedDict):
    author: "Author"
    author_url: str
    body: str
    body_html: str
    comment_count: int
    comments_url: str
    id: int
    timestamp: str
    url: str
    etag: NotRequired[str]  # where it was read for itself; not in lists


class Posts(TypedDict):
    count: int
    next: NotRequired[str | None]
    next_url: NotRequired[str | None]
    posts: list["Post"]
    prev: NotRequired[str | None]
    prev_url: NotRequired[str | None]


class PostsOf(TypedDict):
    """Somebody's posts; `comment_count` is how many comments that person has written."""

    comment_count: int
    count: int
    next: NotRequired[str | None]
    next_url: NotRequired[str | None]
    posts: list["Post"]
    prev: NotRequired[str | None]
    prev_url: NotRequired[str | None]


class Preview(TypedDict):
    """A text to look at before it is sent."""

    body: NotRequired[str]
    kind: NotRequired[str]


class Problem(TypedDict):
    """RFC 9457 problem details."""

    detail: str
    error: str
    errors: NotRequired[list["FieldProblem"] | None]
    instance: str
    message: str
    request_id: str
    status: int
    title: str
    type: str


class Profile(TypedDict):
    """What people say of themselves; what is not given stays, null empties."""

    about_me: NotRequired[str | None]
    location: NotRequired[str | None]
    name: NotRequired[str | None]


class Proof(TypedDict):
    """The current password."""

    password: str


class RecoveryCodes(TypedDict):
    """Shown once; empty if you have some already."""

    recovery_codes: list[str]


class Refresh(TypedDict):
    refresh_token: str


class Registration(TypedDict):
    """A new account."""

    email: str
    password: str
    username: str


class Relationship(TypedDict):
    """The caller and somebody: `following` is the caller's doing, `followed_by` the other's."""

    followed_by: bool
    follower_count: int
    following: bool
    following_count: int
    since: str | None
    user_id: int


class Remark(TypedDict):
    """A comment's text in Markdown."""

    body: NotRequired[str | None]


class Removal(TypedDict):
    """What becomes of an account that was removed."""

    message: str
    state: str


class Rendered(TypedDict):
    body_html: str


class Reset(TypedDict):
    """An address asks for the mail; the token from it, with a password, sets that."""

    email: NotRequired[str | None]
    password: NotRequired[str | None]
    token: NotRequired[str | None]


class Role(TypedDict):
    id: int
    name: str
    permissions: int


class Roles(TypedDict):
    count: int
    next: NotRequired[str | None]
    next_url: NotRequired[str | None]
    prev: NotRequired[str | None]
    prev_url: NotRequired[str | None]
    roles: list["ListedRole"]


class SecondFactor(TypedDict):
    """`required`: the role asks for one, and without it its rights rest."""

    enabled: bool
    passkeys: list["Passkey"]
    recovery_codes: int
    required: bool
    totp: bool


class Session(TypedDict):
    """Where somebody is signed in, `name` in words. `current` is the one that asks."""

    address: str
    agent: str
    created: str
    current: bool
    expires: str
    id: str
    kind: str
    last_seen: str
    name: str


class Sessions(TypedDict):
    count: int
    next: NotRequired[str | None]
    next_url: NotRequired[str | None]
    prev: NotRequired[str | None]
    prev_url: NotRequired[str | None]
    sessions: list["Session"]


class Somebody(TypedDict):
    """`username` is null for who is no longer there."""

    id: int
    username: str | None


class Step(TypedDict):
    """`otp`: a code of an authenticator app, or a recovery code; for accounts with a second factor."""

    otp: NotRequired[str | None]


class Tie(TypedDict):
    """Somebody in a list of followers, or of those who are followed, and since when."""

    since: str
    user: "Author"


class Timeline(TypedDict):
    count: int
    next: NotRequired[str | None]
    next_url: NotRequired[str | None]
    posts: list["Post"]
    prev: NotRequired[str | None]
    prev_url: NotRequired[str | None]


class Tokens(TypedDict):
    """`expiration` and `refresh_expiration` in seconds."""

    expiration: int
    refresh_expiration: int
    refresh_token: str
    token: str


class User(TypedDict):
    """What everybody may see of a person."""

    avatar_url: str
    followed_posts_url: str
    id: int
    last_seen: str
    member_since: str
    post_count: int
    posts_url: str
    url: str
    username: str


class UserProfile(TypedDict):
    """A person with what they say of themselves."""

    about_me: str | None
    avatar_url: str
    followed_posts_url: str
    id: int
    last_seen: str
    location: str | None
    member_since: str
    name: str | None
    post_count: int
    posts_url: str
    url: str
    username: str


class Users(TypedDict):
    count: int
    next: NotRequired[str | None]
    next_url: NotRequired[str | None]
    prev: NotRequired[str | None]
    prev_url: NotRequired[str | None]
    users: list["User"]
