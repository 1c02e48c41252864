"""The second factor: the second step of logging in, and one's own codes and passkeys."""

import json
from collections.abc import Callable
from typing import Any

import segno
from flask import Blueprint, Response, request, session
from markupsafe import Markup

from chassis.access import public
from chassis.problems import Invalid, NotFound, Refusal, TooMany, Unauthenticated, Unavailable

from ..clients import auth, maybe
from ..clients.shapes import Ways
from ..forms import CodeForm, NewCodesForm, PasskeyForm, PasskeyNameForm, PasswordForm, StepForm, read_object
from ..showing import show
from ..visitors import login_before, members, safe_path, visitor
from .signing import arrived, browser
from .steps import onward, told

pages = Blueprint("factors", __name__, url_prefix="/auth")
HOME = "/auth/second-factor"
OVER = "That took too long. Please log in again."
SHOWN_ONCE = "Your new recovery codes were shown already. If you have not kept them, get new ones."
LONGEST = 8192  # characters of what a browser makes of a passkey


@pages.route("/login/second", methods=["GET", "POST"])
@public()
def second_step() -> Response:
    """After the password."""
    form, status = StepForm(), 200
    try:
        ways = auth.ways(session.get("pending") or "-")
        if form.validate_on_submit():
            return _finished(form)
    except Invalid:
        back = safe_path(request.args.get("next"))
        return onward(back) if visitor() else onward(login_before(back), OVER)  # by "back", after logging in
    except Unauthenticated as refusal:
        status = 400
        form.wrong(refusal)
    except TooMany as refusal:
        status = told(form, refusal)
    form.passkey.data = ""  # the script makes another
    return show("auth/second.html", status, form=form, ways=ways, options=_options(ways))


def _finished(form: StepForm) -> Response:
    """What was begun is used up at auth, so what the cookie says of it opens nothing any more."""
    pending, passkey = session["pending"], _from_script(form.passkey.data)
    return arrived(auth.finish_sign_in(pending, otp=form.otp.data or "", passkey=passkey, **browser()))


def _options(ways: Ways) -> str:
    return json.dumps(ways.passkey) if ways.passkey else ""


def _from_script(text: str | None) -> dict[str, Any] | None:
    """What the browser made of a passkey. What is not an object is nothing."""
    return read_object(text) if len(text or "") <= LONGEST else None


@pages.get("/second-factor")
@members()
def second_factor() -> Response:
    return show("auth/factors.html", factor=maybe(auth.second_factor))


@pages.route("/second-factor/totp", methods=["GET", "POST"])
@members()
def totp() -> Response:
    """Set up an authenticator app, or give it up."""
    code = CodeForm()
    confirms = code.is_submitted() and bool(code.secret.data)
    if auth.second_factor().totp:
        if confirms:  # the page that shows the codes has been loaded again
            return onward(HOME, SHOWN_ONCE)
        lead = "You will log in without a code of your authenticator app."
        return _after_password("Remove the authenticator app", lead, _without_totp)
    if confirms:
        return _first_code(code)
    lead = "You need an app that makes codes, on your phone or in your password manager."
    return _after_password("Set up an authenticator app", lead, _with_totp)


def _with_totp(password: str) -> Response:
    made = auth.begin_totp(password)
    form = CodeForm(formdata=None, secret=made.secret, uri=made.uri)
    return show("auth/totp.html", form=form, qr=qr(made.uri))


def _first_code(form: CodeForm) -> Response:
    status = 400
    if form.validate():
        try:
            return _switched_on(auth.confirm_totp(form.code.data or ""))
        except Refusal as refusal:
            status = told(form, refusal)
    return show("auth/totp.html", status, form=form, qr=qr(form.uri.data or ""))


def _without_totp(password: str) -> Response:
    auth.remove_totp(password)
    return onward(HOME, "The authenticator app has been removed.")


def qr(text: str) -> Markup:
    """As SVG within the page; black on white, whatever the colours of the page are."""
    drawn = segno.make(text[:1000] or "-", error="m", micro=False)
    return Markup(drawn.svg_inline(scale=5, border=4, light="#fff"))  # noqa: S704 # nosec B704 # habit: made of numbers here


@pages.route("/second-factor/codes", methods=["GET", "POST"])
@members()
def codes() -> Response:
    """Codes are kept nowhere, so they are the answer to the form; but the form works only once."""
    form = NewCodesForm()
    if form.is_submitted() and form.key.data == session.get("codes"):
        return onward(HOME, SHOWN_ONCE)
    lead = "You get ten new recovery codes. The ones you have will no longer work."
    return _after_password("New recovery codes", lead, lambda password: _renewed(password, form), form)


def _renewed(password: str, form: NewCodesForm) -> Response:
    made = auth.renew_codes(password)
    session["codes"] = form.key.data
    return _shown(made)


def _shown(made: list[str]) -> Response:
    return show("auth/codes.html", codes=made)


def _switched_on(made: list[str]) -> Response:
    """With the first factor come recovery codes, which are shown this once."""
    return _shown(made) if made else onward(HOME, "It has been added.")


@pages.route("/second-factor/passkeys", methods=["GET", "POST"])
@members()
def add_passkey() -> Response:
    """First the password and a name, then the script has the browser make one."""
    made = PasskeyForm()
    if made.is_submitted() and made.credential.data:
        return _made(made)
    form, status = PasskeyNameForm(), 200
    if form.validate_on_submit():
        try:
            begun = auth.begin_passkey(form.password.data or "")
        except Refusal as refusal:
            status = told(form, refusal)
        else:
            ready = PasskeyForm(formdata=None, pending=begun.pending, name=form.name.data)
            return show("auth/passkey.html", form=ready, options=json.dumps(begun.options))
    elif form.is_submitted():
        status = 400
    lead = "A passkey is kept by your device, your browser or a security key. This needs JavaScript."
    return show("auth/form.html", status, form=form, title="Add a passkey", lead=lead)


def _made(form: PasskeyForm) -> Response:
    pending, credential = form.pending.data or "-", _from_script(form.credential.data)
    if pending == session.get("codes"):
        return onward(HOME, SHOWN_ONCE)
    if not form.validate() or credential is None:
        return onward(f"{HOME}/passkeys", "This passkey could not be read. Please try again.")
    try:
        made = auth.add_passkey(pending, form.name.data or "", credential)
    except Invalid as refusal:
        return onward(f"{HOME}/passkeys", refusal.message)
    if made:
        session["codes"] = pending
    return _switched_on(made)


@pages.route("/second-factor/passkeys/<int:id>", methods=["GET", "POST"])
@members()
def remove_passkey(id: int) -> Response:
    found = next((key for key in auth.second_factor().passkeys if key.id == id), None)
    if found is None:
        raise NotFound
    lead = f"“{found.name}” will no longer work here."
    return _after_password("Remove a passkey", lead, lambda password: _without_passkey(id, password))


def _without_passkey(id: int, password: str) -> Response:
    auth.remove_passkey(id, password)
    return onward(HOME, "The passkey has been removed.")


def _after_password(
    title: str, lead: str, act: Callable[[str], Response], form: PasswordForm | None = None
) -> Response:
    """A page that asks for the password once more, then does it."""
    form, status = form or PasswordForm(), 200
    if form.validate_on_submit():
        try:
            return act(form.password.data or "")
        except (Invalid, TooMany, Unavailable) as refusal:
            status = told(form, refusal)
    elif form.is_submitted():
        status = 400
    return show("auth/form.html", status, form=form, title=title, lead=lead)
