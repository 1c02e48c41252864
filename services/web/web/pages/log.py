"""The audit log: one's own, and everybody's for administrators."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Blueprint, Response, request

from ..clients import auth, maybe
from ..clients.shapes import Log
from ..forms import LogForm
from ..showing import show
from ..visitors import Permission, members

pages = Blueprint("log", __name__, url_prefix="/auth/log")
KINDS = {
    "registered": "Registered",
    "confirmed": "Confirmed the email address",
    "signed-in": "Logged in",
    "password-used": "Used the password with the API",
    "sign-in-failed": "A wrong password",
    "code-refused": "A wrong code after the right password",
    "tokens-issued": "Got a token for the API",
    "session-ended": "Logged out",
    "sessions-ended": "Logged out everywhere",
    "token-reused": "A used refresh token came again; its session was ended",
    "password-changed": "Changed the password",
    "password-reset": "Chose a new password with a link from a mail",
    "email-change-asked": "Asked for another email address",
    "email-changed": "Changed the email address",
    "role-changed": "Role changed",
    "disabled": "Account disabled",
    "enabled": "Account enabled again",
    "account-edited": "Account edited",
    "authenticator-on": "Set up an authenticator app",
    "authenticator-off": "Removed the authenticator app",
    "passkey-added": "Added a passkey",
    "passkey-removed": "Removed a passkey",
    "recovery-codes-made": "Got new recovery codes",
    "recovery-code-used": "Used a recovery code",
    "second-factor-dropped": "Second factor taken away",
    "removed": "Account removed",
    "comment-disabled": "A comment was hidden by a moderator",
    "comment-enabled": "A comment is shown again",
}


@pages.get("")
@members()
def own() -> Response:
    asked = {"before": _before(), "kind": _kind()}
    found = maybe(lambda: auth.own_log(**asked))
    return show("auth/log.html", log=found, older=_older(found), kinds=KINDS, form=None)


@pages.get("/all")
@members(Permission.ADMIN)
def everybody() -> Response:
    form = LogForm(request.args)
    form.kind.choices = [("", "Everything"), *KINDS.items()]
    name = (form.user.data or "")[:64]
    person = auth.named(name) if name else None
    found = Log(entries=[], next=None) if name and person is None else None
    if found is None:
        asked = {"before": _before(), "kind": _kind(), "user": person.id if person else None}
        found = maybe(lambda: auth.whole_log(**asked))
    return show("auth/log.html", log=found, older=_older(found), kinds=KINDS, form=form)


def _kind() -> str:
    kind = request.args.get("kind", "")
    return kind if kind in KINDS else ""


def _before() -> int | None:
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 19 and int(text) else None


def _older(found: Log | None) -> str:
    """The address of the page that goes on."""
    if found is None or found.next is None:
        return ""
    [before] = parse_qs(urlsplit(found.next).query)["before"]
    kept: dict[str, Any] = {
        name: text for name, text in request.args.items() if name in ("user", "kind") and text
    }
    return f"{request.path}?{urlencode({**kept, 'before': before})}"
