"""People, accounts and sessions."""

import re
from typing import Any
from urllib.parse import quote

from cachetools import TTLCache

from chassis.problems import Unavailable

from .calls import ask
from .shapes import Account, Page, Person, Profile, Role, Session, SignedIn, one

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")
USERS, ME = "/api/v1/users/", "/api/v1/users/me"
_known: TTLCache[str, Person | None] = TTLCache(4096, ttl=3600)


def people(page: int) -> Page[Person]:
    """Everybody, in the order of registration."""
    return Page(Person, "users", ask("auth", "GET", f"{USERS}?page={page}"))


def named(username: str) -> Person | None:
    """The one of that name. With auth away, as it was known last: reading goes on."""
    if not NAME.fullmatch(username):
        return None
    key = username.lower()
    try:
        found = Page(Person, "users", ask("auth", "GET", f"{USERS}?username={username}"))
    except Unavailable:
        if key not in _known:
            raise
        return _known[key]
    person = found.items[0] if found.items else None
    _known[key] = person
    return person


def profile(id: int) -> Profile:
    """Raises `NotFound`."""
    return one(Profile, ask("auth", "GET", f"{USERS}{id}/profile"))


def account(id: int) -> Account:
    """For administrators. Raises `NotFound`."""
    return one(Account, ask("auth", "GET", f"{USERS}{id}/account"))


def administer(id: int, **changes: Any) -> Account:
    return one(Account, ask("auth", "PATCH", f"{USERS}{id}", changes))


def roles() -> list[Role]:
    """By name."""
    return Page(Role, "roles", ask("auth", "GET", "/api/v1/roles/")).items


def me() -> Account:
    return one(Account, ask("auth", "GET", ME))


def edit_me(**changes: Any) -> None:
    ask("auth", "PATCH", ME, changes)


def register(email: str, username: str, password: str) -> None:
    ask("auth", "POST", USERS, {"email": email, "username": username, "password": password})


def sign_in(email: str, password: str, **browser: Any) -> SignedIn:
    """`browser`: remember, address, agent, device. Raises `Unauthenticated` or `TooMany`."""
    sent = {"email": email, "password": password, **browser}
    return one(SignedIn, ask("auth", "POST", "/internal/sessions", sent, insider=True))


def sessions(page: int) -> Page[Session]:
    return Page(Session, "sessions", ask("auth", "GET", f"{ME}/sessions/?page={page}"))


def end_session(id: str) -> None:
    ask("auth", "DELETE", f"{ME}/sessions/{quote(id, safe='')}")


def end_all_sessions() -> None:
    ask("auth", "DELETE", f"{ME}/sessions/")


def resend_confirmation() -> None:
    ask("auth", "POST", f"{ME}/confirmation", {})


def confirm(token: str) -> Person:
    """Raises `Invalid` for a link that is not good, or no more."""
    return one(Person, ask("auth", "POST", f"{USERS}confirm", {"token": token}))


def ask_reset(email: str) -> None:
    ask("auth", "POST", f"{USERS}reset", {"email": email})


def reset(token: str, password: str) -> None:
    ask("auth", "POST", f"{USERS}reset", {"token": token, "password": password})


def change_password(old: str, new: str) -> None:
    ask("auth", "PUT", f"{ME}/password", {"old_password": old, "password": new})


def propose_email(email: str, password: str) -> None:
    ask("auth", "POST", f"{ME}/email", {"email": email, "password": password})


def change_email(token: str) -> None:
    ask("auth", "POST", f"{USERS}change-email", {"token": token})
