"""Accounts: making, describing and administering them."""

from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from chassis.events import now
from chassis.problems import Conflict, Invalid, NotFound

from .. import events, letters, passwords, queries
from ..models import ADMINISTERED, ROLES, USER, Kind, Permission, Role, Session, User, db, state_of
from . import log, mails
from .rows import held
from .second import void_challenges
from .sessions import revoke

PUBLIC = ("username", "name", "avatar_hash")
IN_TOKENS = ("username", "avatar_hash", "role_id", "confirmed", "disabled")
LAST = "This is the last administrator. Make somebody else an administrator first."
COUNTED = sa.text(
    "INSERT INTO tallies (kind, n) VALUES ('users', 1) ON CONFLICT (kind) DO UPDATE SET n = tallies.n + 1"
)

SEED_ROLE = sa.text(
    'INSERT INTO roles (name, permissions, "default") VALUES (:name, :permissions, :default)'
    ' ON CONFLICT (name) DO UPDATE SET permissions = excluded.permissions, "default" = excluded."default"'
)
COUNT_POSTS = sa.text(
    "UPDATE users SET post_count = :count, post_count_version = :version"
    " WHERE id = :author AND post_count_version < :version"
)
START_COUNTING = sa.text("INSERT INTO tallies (kind, n) VALUES ('users', 0) ON CONFLICT (kind) DO NOTHING")


def register(email: str, username: str, password: str) -> User:
    """Makes an unconfirmed account and mails its link.

    Raises `Conflict` for a taken address or name, `Invalid` for a bad password, `Unavailable`.
    """
    refuse_taken(email, username)
    passwords.accept(password, username, email)
    hash = passwords.hashed(password)
    at = now()
    user = User(password_hash=hash, member_since=at, last_seen=at, version=1)
    user.call(username)
    user.write_to(email)
    with saving(email, username):
        user.role_id = db.session.scalars(sa.select(Role.id).where(Role.default)).one()
        db.session.add(user)
        db.session.flush()
    mails.send_link(user, letters.CONFIRM, email)
    events.user_registered(user)
    db.session.execute(COUNTED)
    log.note(Kind.REGISTERED, user.id)
    db.session.commit()
    return user


def refuse_taken(email: str, username: str, but: int = 0) -> None:
    if sentences := queries.taken(email, username, but):
        raise Conflict(
            next(iter(sentences.values())),
            errors=[{"field": field, "message": said} for field, said in sentences.items()],
        )


@contextmanager
def saving(email: str, username: str, but: int = 0) -> Iterator[None]:
    """Two at once may want the same name: whom the database refuses is told what was taken."""
    try:
        yield
    except sa.exc.IntegrityError:
        db.session.rollback()
        refuse_taken(email, username, but)
        raise Conflict from None


def edit_profile(id: int, changes: Mapping[str, Any], seen: Set[str] | None = None) -> None:
    """Changes name, location and about_me, as far as they are given. Raises `Conflict` as `as_seen` does."""
    user = held(id)
    as_seen(user, seen)
    apply(user, changes)
    db.session.commit()


def administer(
    id: int, changes: Mapping[str, Any], by: int | None = None, seen: Set[str] | None = None
) -> None:
    """Changes anything of an account.

    Raises `Conflict` for a taken name or address, when no administrator would be left, and when the account
    is in none of the states that were seen; whoever names none has the last word.
    """
    changes = dict(changes)
    if "role" in changes:
        changes["role_id"] = role_id(changes.pop("role"))
    rights = not changes.keys().isdisjoint(("role_id", "confirmed", "disabled"))
    administrators = others_who_administer(id) if rights else 0
    user = held(id)
    email, username = changes.get("email", user.email), changes.get("username", user.username)
    administered = administers(user)
    before = {name: getattr(user, name) for name in ADMINISTERED}
    as_seen(user, seen)
    refuse_taken(email, username, but=id)
    with saving(email, username, but=id):
        apply(user, changes)
        db.session.flush()
    if administered and not administers(user) and not administrators:
        raise Conflict(LAST)
    note_changes(user, before, by)
    db.session.commit()


def as_seen(user: User, states: Set[str] | None) -> None:
    """Raises `Conflict` when the account is in none of these; whoever names none has the last word."""
    if states is not None and state_of({name: getattr(user, name) for name in ADMINISTERED}) not in states:
        raise Conflict


def note_changes(user: User, before: Mapping[str, Any], by: int | None) -> None:
    """For the log: which fields; of roles, which it was and is. Never what was in them."""
    changed = [name for name, value in before.items() if getattr(user, name) != value]
    if "role_id" in changed:
        names = {role.id: role.name for role in db.session.execute(sa.select(Role.id, Role.name))}
        log.note(Kind.ROLE_CHANGED, user.id, by, was=names[before["role_id"]], role=names[user.role_id])
    if "disabled" in changed:
        log.note(Kind.DISABLED if user.disabled else Kind.ENABLED, user.id, by)
    if others := [name for name in changed if name not in ("role_id", "disabled")]:
        log.note(Kind.ACCOUNT_EDITED, user.id, by, fields=others)


def apply(user: User, changes: Mapping[str, Any]) -> None:
    """Sets the fields, tells the others what concerns them, raises `ver` when tokens are out of date now."""
    before = {name: getattr(user, name) for name in (*PUBLIC, *IN_TOKENS, "email")}
    for name, value in changes.items():
        setter = {"username": user.call, "email": user.write_to}.get(name)
        if setter:
            setter(value)
        else:
            setattr(user, name, value)
    changed = {name for name, value in before.items() if getattr(user, name) != value}
    if changed.intersection(IN_TOKENS):
        user.raise_ver(now())
    if "email" in changed:
        mails.void_links(user.id)
    if "disabled" in changed and user.disabled:
        revoke(Session.user_id == user.id)
        void_challenges(user.id)
    if changed.intersection(PUBLIC):
        user.version += 1
        events.user_changed(user)


def role_id(role: int | str) -> int:
    """By id or name. Raises `Invalid`."""
    which = Role.id == role if isinstance(role, int) else Role.name == role
    found = db.session.scalar(sa.select(Role.id).where(which))
    if found is None:
        message = "role does not exist"
        raise Invalid(message, errors=[{"field": "role", "message": message}])
    return found


def administers(user: User) -> bool:
    permissions = db.session.scalar(sa.select(Role.permissions).where(Role.id == user.role_id)) or 0
    return bool(permissions & Permission.ADMIN) and user.confirmed and not user.disabled


def others_who_administer(id: int) -> int:
    """How many. All are locked with the account itself, in the order of their ids: the last two cannot demote
    each other at once, and nobody who locks several accounts waits for this crosswise.
    """
    bits = Role.permissions.bitwise_and(int(Permission.ADMIN)) != 0
    able = sa.and_(bits, User.confirmed, sa.not_(User.disabled))
    people = sa.select(User.id, able.label("able")).join(Role, Role.id == User.role_id)
    who = [row.id for row in db.session.execute(people.where(able))]
    all_of_them = people.where(User.id.in_([*who, id])).order_by(User.id)
    locked = db.session.execute(all_of_them.with_for_update(of=User, key_share=True))
    return sum(row.able and row.id != id for row in locked)


def grant(email: str, role: str) -> None:
    """Gives an account a role. Raises `NotFound`, `Invalid`, `Conflict`."""
    account = queries.account_by_email(email)
    if account is None:
        raise NotFound("There is no account with this e-mail address.")
    administer(account["id"], {"role": role})


def note_seen(moments: Mapping[int, datetime]) -> None:
    """Moves `last_seen` forward, never back; in one order, so that two at once cannot block each other."""
    at = sa.bindparam("at", type_=User.last_seen.type)
    earlier = (User.id == sa.bindparam("user"), User.last_seen < at, User.removed_at.is_(None))
    change = sa.update(User.__table__).where(*earlier).values(last_seen=at)
    values = [{"user": id, "at": min(moment, now())} for id, moment in sorted(moments.items())]
    if values:
        db.session.execute(change, values)
        db.session.commit()


def count_posts(author: int, count: int, version: int) -> None:
    """Takes over somebody's number of posts, unless a newer one is known."""
    db.change(COUNT_POSTS, {"author": author, "count": count, "version": version})


def seed_roles() -> None:
    """Makes the roles and sets their bits; only User is the default. Repeatable, removes none."""
    rows = [
        {"name": name, "permissions": int(permissions), "default": name == USER}
        for name, permissions in ROLES.items()
    ]
    db.session.execute(SEED_ROLE, rows)
    db.session.execute(START_COUNTING)
    db.session.commit()
