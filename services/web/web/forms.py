"""The forms of the pages. What needs a database is checked by the service, and said at the same fields."""

import re
import secrets
from typing import Any

import orjson
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    EmailField,
    Field,
    HiddenField,
    PasswordField,
    SelectField,
    StringField,
    SubmitField,
    TextAreaField,
)
from wtforms.validators import DataRequired, EqualTo, Length, Optional, Regexp, ValidationError

from chassis.input import DEEPEST, deeper_than
from chassis.problems import Refusal
from chassis.shapes import clean

from .showing import plural

POST_BYTES, COMMENT_BYTES, ABOUT_BYTES = 64 * 1024, 8 * 1024, 4 * 1024
USERNAME = r"^[A-Za-z][A-Za-z0-9_.]*$"
USERNAME_RULE = "Usernames must begin with a letter and have only letters, numbers, dots or underscores."
KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
REQUIRED = "Please fill in this field."
MISMATCH = "Passwords must match."


def lines(text: str | None) -> str | None:
    """Browsers send line ends as CR LF; the services keep LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if text else text


def stripped(text: str | None) -> str | None:
    return text.strip() if text else text


def read_object(text: str | None) -> dict[str, Any] | None:
    """What a hidden field tells as JSON. What is no object, or one that no service would take, is nothing."""
    try:
        found = orjson.loads(text or "")
    except ValueError:
        return None
    return found if isinstance(found, dict) and not deeper_than(DEEPEST, found) else None


class AtMost:
    """At most `size` bytes of UTF-8, and nothing that no page can show."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, form: FlaskForm, field: Field) -> None:
        text = field.data or ""
        try:
            clean(text)
        except ValueError:
            raise ValidationError("This text has a character that is not allowed.") from None
        over = len(text.encode("utf-8", "surrogatepass")) - self.size
        if over > 0:
            raise ValidationError(
                f"This text is too long by {plural(over, 'byte')}: {self.size:,} are allowed."
            )


def text_area(label: str, size: int, **options: Any) -> TextAreaField:
    """A text of several lines; the script counts against `data-limit`."""
    checks = [AtMost(size)] if options.pop("optional", False) else [DataRequired(REQUIRED), AtMost(size)]
    look = {"data-limit": size, "dir": "auto", **options}
    return TextAreaField(label, filters=[lines], validators=checks, render_kw=look)


def email_field(label: str = "Email") -> EmailField:
    checks = [DataRequired(REQUIRED), Length(1, 254)]
    return EmailField(label, filters=[stripped], validators=checks, render_kw={"autocomplete": "email"})


def line(label: str, **look: Any) -> StringField:
    return StringField(label, filters=[stripped], validators=[Length(0, 64), AtMost(256)], render_kw=look)


def username_field() -> StringField:
    checks = [DataRequired(REQUIRED), Length(1, 64), Regexp(USERNAME, message=USERNAME_RULE)]
    look = {"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
    return StringField("Username", filters=[stripped], validators=checks, render_kw=look)


def password_field(label: str, *checks: Any, new: bool = True) -> PasswordField:
    look = {"autocomplete": "new-password" if new else "current-password"}
    return PasswordField(label, validators=[DataRequired(REQUIRED), Length(1, 256), *checks], render_kw=look)


def code_field(label: str, *checks: Any) -> StringField:
    look = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "dir": "ltr"}
    needed = checks or (DataRequired(REQUIRED),)
    return StringField(label, filters=[stripped], validators=[*needed, Length(1, 64)], render_kw=look)


class Form(FlaskForm):
    """A form that can also say what a service did not like."""

    def blame(self, refusal: Refusal) -> bool:
        """Puts a refusal's sentences at their fields; says whether each of them found one."""
        found = [error for error in refusal.errors if error["field"] in self._fields]
        for error in found:
            field = self._fields[error["field"]]
            field.errors = [*field.errors, sentence(error["message"])]
        return bool(found) and len(found) == len(refusal.errors)


def sentence(message: str) -> str:
    """`old_password is not right` as people write it."""
    text = message.replace("_", " ").strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}."


class ConfirmForm(Form):
    """One button."""

    submit = SubmitField("Yes")


def new_key() -> str:
    return secrets.token_urlsafe(16)


class OnceForm(Form):
    """`key` makes two presses of the button one: it goes to the service as `Idempotency-Key`."""

    key = HiddenField(default=new_key)

    @property
    def once(self) -> str:
        return self.key.data if KEY.fullmatch(self.key.data or "") else new_key()

    def renew(self, refusal: Refusal) -> None:
        """The key was used (the "back" button), for another text or for what has been removed: this one
        is sent if the button is pressed again.
        """
        self.key.data = new_key()
        self.body.errors = [*self.body.errors, refusal.message]


class PostForm(OnceForm):
    body = text_area("What's on your mind?", POST_BYTES, rows=4)
    submit = SubmitField("Submit")


class EditForm(Form):
    """`version`: the state that was read."""

    body = text_area("What's on your mind?", POST_BYTES, rows=12)
    version = HiddenField()
    submit = SubmitField("Submit")


class CommentForm(OnceForm):
    body = text_area("Your comment", COMMENT_BYTES, rows=2)
    submit = SubmitField("Submit")


class EditCommentForm(EditForm):
    body = text_area("Your comment", COMMENT_BYTES, rows=4)


class LoginForm(Form):
    email = email_field()
    password = password_field("Password", new=False)
    remember_me = BooleanField("Keep me logged in")
    submit = SubmitField("Log In")


class RegistrationForm(Form):
    email = email_field()
    username = username_field()
    password = password_field("Password", EqualTo("password2", message=MISMATCH))
    password2 = password_field("Confirm password")
    submit = SubmitField("Register")


class ChangePasswordForm(Form):
    old_password = password_field("Old password", new=False)
    password = password_field("New password", EqualTo("password2", message=MISMATCH))
    password2 = password_field("Confirm new password")
    submit = SubmitField("Update Password")


class RemoveAccountForm(Form):
    password = password_field("Password", new=False)
    submit = SubmitField("Remove My Account")


class ResetRequestForm(Form):
    email = email_field()
    submit = SubmitField("Reset Password")


class ResetForm(Form):
    password = password_field("New password", EqualTo("password2", message=MISMATCH))
    password2 = password_field("Confirm password")
    submit = SubmitField("Reset Password")


class ChangeEmailForm(Form):
    email = email_field("New email")
    password = password_field("Password", new=False)
    submit = SubmitField("Update Email Address")


class PasswordForm(Form):
    """The password once more, before something that matters."""

    password = password_field("Password", new=False)
    submit = SubmitField("Go on")


class NewCodesForm(PasswordForm):
    """`key`: reloading the page that shows the codes sends this form again."""

    key = HiddenField(default=new_key)


class CodeForm(Form):
    """A code of an authenticator app. `secret` and `uri` come back, so that the page can be shown again."""

    code = code_field("Code")
    secret = HiddenField()
    uri = HiddenField()
    submit = SubmitField("Switch on")


class StepForm(Form):
    """The second step of logging in: a code, or what the script got from a passkey."""

    otp = code_field("Code", Optional())
    passkey = HiddenField()
    submit = SubmitField("Log In")

    def wrong(self, refusal: Refusal) -> None:
        """At the field of the code; a passkey has none that anybody sees."""
        if self.passkey.data:
            self.form_errors.append(refusal.message)
        else:
            self.otp.errors = [*self.otp.errors, refusal.message]


class PasskeyNameForm(Form):
    name = StringField("Name", filters=[stripped], validators=[DataRequired(REQUIRED), Length(1, 64)])
    password = password_field("Password", new=False)
    submit = SubmitField("Go on")


class PasskeyForm(Form):
    """Filled in by the script."""

    pending = HiddenField()
    name = HiddenField()
    credential = HiddenField()


class LogForm(FlaskForm):
    """Which entries of the log; sent with GET, and nothing changes."""

    class Meta:
        csrf = False

    user = StringField("Username", filters=[stripped], validators=[Length(0, 64)])
    kind = SelectField("What", validators=[Optional()])
