"""The forms of profiles, which several may have open at once: they send only what differs from before."""

from typing import Any

import orjson
from wtforms import BooleanField, HiddenField, SelectField, SubmitField
from wtforms.validators import Optional

from .forms import ABOUT_BYTES, Form, email_field, line, read_object, text_area, username_field


class ProfileForm(Form):
    """`shown`: what the fields said when the form was opened, as JSON."""

    says: tuple[str, ...] = ("name", "location", "about_me")
    shown = HiddenField()
    name = line("Real name", autocomplete="name", dir="auto")
    location = line("Location", dir="auto")
    about_me = text_area("About me", ABOUT_BYTES, rows=5, optional=True)
    submit = SubmitField("Submit")

    def late(self, now: dict[str, Any]) -> bool:
        """Whether somebody else has meanwhile changed what was changed here. If so it is said at these
        fields, and the form becomes one that was opened now, with what was typed.
        """
        before, changes = read_object(self.shown.data) or {}, self.changes()
        lost = [name for name in changes.keys() & before.keys() if changes[name] != now[name] != before[name]]
        for name in self.says if lost else ():
            if name in lost:
                self[name].errors = [*self[name].errors, self._as_it_is(name, now[name])]
            elif name not in changes:
                self[name].data = now[name]
        if lost:
            self.shown.data = opened(now)["shown"]
        return bool(lost)

    def _as_it_is(self, name: str, value: Any) -> str:
        if isinstance(value, bool):
            value = "on" if value else "off"
        said = dict(getattr(self[name], "choices", ())).get(value, value)
        return f"Somebody else made this: {said}" if said else "Somebody else emptied this."

    def changes(self) -> dict[str, Any]:
        """What is no longer as it was shown: somebody else may have changed the rest in the meantime."""
        before, wanted = read_object(self.shown.data) or {}, {name: self[name].data for name in self.says}
        return {name: value for name, value in wanted.items() if name not in before or value != before[name]}


def opened(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of such a form, and a note of them."""
    return {**fields, "shown": orjson.dumps(fields).decode()}


class AccountForm(ProfileForm):
    """For administrators."""

    says = (*ProfileForm.says, "email", "username", "confirmed", "disabled", "role")
    email = email_field()
    username = username_field()
    confirmed = BooleanField("Confirmed")
    disabled = BooleanField("Disabled: may not sign in")
    role = SelectField("Role", coerce=int, validators=[Optional()])
