"""People: profiles, who follows whom, and changing a profile."""

from typing import Any

from flask import Blueprint, Response, request

from chassis.access import public
from chassis.problems import Conflict, Invalid, NotAllowed, NotFound
from chassis.settings import settings

from ..clients import auth, maybe, posts, social, together
from ..clients.posts import Writings
from ..clients.shapes import Account, Person, Profile, Relationship
from ..pager import Pager, asked_page
from ..profiles import AccountForm, ProfileForm, opened
from ..showing import show
from ..visitors import Permission, may, me, members
from .steps import onward, question, told

FOLLOW, ADMIN = Permission.FOLLOW, Permission.ADMIN
NOBODY = "Invalid user."
LATE = (
    "Somebody else was faster. What they changed is said at its field; submit again to replace it by yours."
)
pages = Blueprint("people", __name__)
Everything = tuple[Person, Writings | None, Relationship | None]
"""Somebody, as far as they are known, a page of their posts, and how they stand to the visitor."""


@pages.get("/user/<username>")
@public()
def user(username: str) -> Response:
    page = asked_page()
    person, writings, relationship = _found_before(username, page) or _found(username, page)
    path = f"/user/{person.username}"
    pager = Pager(path, page, writings, settings.posts_per_page) if writings else None
    shown: dict[str, Any] = {"person": person, "writings": writings, "relationship": relationship}
    whole = isinstance(person, Profile) and None not in (writings, relationship)
    return show("user.html", shared=whole, pager=pager, **shown)


def _found_before(username: str, page: int) -> Everything | None:
    """By the number that the name had when it was last looked up, which spares looking it up first; nothing
    if there is none, or if it is no longer the number of that name.
    """
    person = auth.known(username)
    if person is None:
        return None
    try:
        found = _everything(person, page)
    except NotFound:
        return None
    return found if found[0].username.lower() == username.lower() else None


def _found(username: str, page: int) -> Everything:
    person = auth.named(username)
    if person is None:
        raise NotFound
    return _everything(person, page)


def _everything(person: Person, page: int) -> Everything:
    profile, writings, relationship = together(
        lambda: maybe(lambda: _profile(person)),
        lambda: maybe(lambda: posts.of(person.id, page)),
        lambda: maybe(lambda: social.relationship(person.id)),
    )
    return profile or person, writings, relationship


def _profile(person: Person) -> Profile:
    """Administrators see the address too."""
    return auth.account(person.id) if may(ADMIN) else auth.profile(person.id)


@pages.route("/follow/<username>", methods=["GET", "POST"])
@members(FOLLOW)
def follow(username: str) -> Response:
    person = auth.named(username)
    if person is None:
        return onward("/", NOBODY)
    name, back = person.username, f"/user/{person.username}"
    if request.method != "POST":
        return question(f"Follow {name}", f"The posts of {name} will be in your timeline.", "Follow", back)
    if social.follow(person.id):
        return onward(back, f"You are now following {name}.")
    return onward(back, "You are already following this user.")


@pages.route("/unfollow/<username>", methods=["GET", "POST"])
@members(FOLLOW)
def unfollow(username: str) -> Response:
    person = auth.named(username)
    if person is None:
        return onward("/", NOBODY)
    name, back = person.username, f"/user/{person.username}"
    if request.method != "POST":
        text = f"The posts of {name} will no longer be in your timeline."
        return question(f"Unfollow {name}", text, "Unfollow", back)
    if not social.relationship(person.id).following:
        return onward(back, "You are not following this user.")
    social.unfollow(person.id)
    return onward(back, f"You are not following {name} anymore.")


@pages.get("/followers/<username>")
@public()
def followers(username: str) -> Response:
    return _ties(username, "Followers of", "followers", social.followers)


@pages.get("/followed_by/<username>")
@public()
def followed_by(username: str) -> Response:
    return _ties(username, "Followed by", "followed_by", social.following)


def _ties(username: str, title: str, endpoint: str, read: Any) -> Response:
    person = auth.named(username)
    if person is None:
        return onward("/", NOBODY)
    page = asked_page()
    found = maybe(lambda: read(person.id, page))
    path = f"/{endpoint}/{person.username}"
    pager = Pager(path, page, found, settings.followers_per_page) if found else None
    shown: dict[str, Any] = {"person": person, "title": title, "endpoint": endpoint, "ties": found}
    return show("followers.html", shared=found is not None, pager=pager, **shown)


@pages.route("/edit-profile", methods=["GET", "POST"])
@members()
def edit_profile() -> Response:
    account, tag = auth.me_version()
    form = ProfileForm(data=opened(_said(account)))
    if not form.validate_on_submit():
        status = 400 if form.is_submitted() else 200
    elif form.late(_said(account)):
        status = 409
        form.form_errors.append(LATE)
    else:
        try:
            auth.edit_me(tag, **form.changes())
        except (Invalid, Conflict) as refusal:
            status = told(form, refusal)
        else:
            return onward(f"/user/{me().username}", "Your profile has been updated.")
    return show("edit_profile.html", status, form=form, back=f"/user/{me().username}")


def _said(account: Account) -> dict[str, Any]:
    return {name: getattr(account, name) or "" for name in ("name", "location", "about_me")}


@pages.route("/edit-profile/<int:id>", methods=["GET", "POST"])
@members(ADMIN)
def edit_profile_admin(id: int) -> Response:
    (account, tag), roles = together(lambda: auth.account_version(id), auth.roles)
    rights = {name: getattr(account, name) for name in ("email", "username", "confirmed", "disabled")}
    now = {**_said(account), **rights, "role": account.role.id}
    form = AccountForm(data=opened(now))
    form.role.choices = [(role.id, role.name) for role in roles]
    if not form.validate_on_submit():
        status = 400 if form.is_submitted() else 200
    elif form.late(now):
        status = 409
        form.form_errors.append(LATE)
    else:
        try:
            changed = auth.administer(id, tag, **form.changes())
        except (Invalid, Conflict) as refusal:
            status = told(form, refusal)
        else:
            return onward(f"/user/{changed.username}", "The profile has been updated.")
    back = f"/user/{account.username}"
    return show("edit_profile.html", status, form=form, person=account, back=back)


@pages.route("/remove-account/<int:id>", methods=["GET", "POST"])
@members(ADMIN)
def remove_account(id: int) -> Response:
    if id == me().id:
        return onward("/auth/remove-account")
    account = auth.account(id)
    name, back = account.username, f"/edit-profile/{id}"
    if request.method != "POST":
        text = f"All that {name} has written, and the comments on it, will be erased. This cannot be undone."
        return question(f"Remove {name}", text, "Remove this account", back, danger=True)
    try:
        auth.remove(id)
    except (Conflict, NotAllowed) as refusal:
        return onward(back, refusal.message)
    return onward("/", f"The account of {name} is closed, and everything of it is being erased.")
