"""People, accounts and sessions."""

import re
import threading
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from cachetools import TTLCache

from chassis.problems import Unavailable

from .calls import ask
from .shapes import (
    Account,
    Begun,
    Log,
    NewTotp,
    Page,
    PasskeyOptions,
    Person,
    Profile,
    RecoveryCodes,
    Role,
    SecondFactor,
    Session,
    SignedIn,
    Ways,
    one,
)

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")
USERS, ME = "/api/v1/users/", "/api/v1/users/me"
FACTOR = f"{ME}/second-factor"
_known: TTLCache[str, Person | None] = TTLCache(4096, ttl=3600)
_turn = threading.Lock()


class AccountVersion(NamedTuple):
    """An account, and the tag of the state that was read."""

    account: Account
    tag: str


def people(page: int) -> Page[Person]:
    """Everybody, in the order of registration."""
    return Page(Person, "users", ask("auth", "GET", f"{USERS}?page={page}"))


def named(username: str) -> Person | None:
    """The one of that name. With auth away, as it was known last: reading goes on."""
    if not NAME.fullmatch(username):
        return None
    try:
        found = Page(Person, "users", ask("auth", "GET", f"{USERS}?username={username}"))
    except Unavailable:
        if (person := known(username)) is None:
            raise
        return person
    person = found.items[0] if found.items else None
    with _turn:
        _known[username.lower()] = person
    return person


def known(username: str) -> Person | None:
    """The one who was last found under that name: nobody need be asked, but it may be another by now."""
    with _turn:
        return _known.get(username.lower())


def profile(id: int) -> Profile:
    """Raises `NotFound`."""
    return one(Profile, ask("auth", "GET", f"{USERS}{id}/profile"))


def account(id: int) -> Account:
    """For administrators. Raises `NotFound`."""
    return account_version(id).account


def account_version(id: int) -> AccountVersion:
    reply = ask("auth", "GET", f"{USERS}{id}/account")
    return AccountVersion(one(Account, reply), reply.header("etag"))


def administer(id: int, tag: str, **changes: Any) -> Account:
    """Raises `Conflict` when the account is no longer as it was read."""
    return one(Account, ask("auth", "PATCH", f"{USERS}{id}", changes, If_Match=tag or "*"))


def roles() -> list[Role]:
    """By name."""
    return Page(Role, "roles", ask("auth", "GET", "/api/v1/roles/")).items


def me() -> Account:
    return me_version().account


def me_version() -> AccountVersion:
    reply = ask("auth", "GET", ME)
    return AccountVersion(one(Account, reply), reply.header("etag"))


def edit_me(tag: str, **changes: Any) -> None:
    """Raises `Conflict` when the account is no longer as it was read."""
    ask("auth", "PATCH", ME, changes, If_Match=tag or "*")


def remove_me(password: str) -> None:
    """Raises `Invalid` for a wrong password, `Conflict` for the last administrator."""
    ask("auth", "DELETE", ME, {"password": password})


def remove(id: int) -> None:
    """For administrators. Raises `NotFound`, `NotAllowed`, `Conflict`."""
    ask("auth", "DELETE", f"{USERS}{id}")


def register(email: str, username: str, password: str) -> None:
    ask("auth", "POST", USERS, {"email": email, "username": username, "password": password})


def sign_in(email: str, password: str, **browser: Any) -> SignedIn | Begun:
    """`browser`: remember, address, agent, device. Raises `Unauthenticated` or `TooMany`."""
    sent = {"email": email, "password": password, **browser}
    reply = ask("auth", "POST", "/internal/sessions", sent, insider=True)
    return one(Begun, reply) if reply.status == 202 else one(SignedIn, reply)


def ways(pending: str) -> Ways:
    """Raises `Invalid` when the sign-in is over."""
    return one(Ways, ask("auth", "POST", "/internal/sessions/ways", {"pending": pending}, insider=True))


def finish_sign_in(pending: str, **shown: Any) -> SignedIn:
    """`shown`: otp or passkey, and the browser. Raises `Unauthenticated`, `TooMany` or `Invalid`."""
    sent = {"pending": pending, **shown}
    return one(SignedIn, ask("auth", "POST", "/internal/sessions/second", sent, insider=True))


def second_factor() -> SecondFactor:
    return one(SecondFactor, ask("auth", "GET", FACTOR))


def begin_totp(password: str) -> NewTotp:
    return one(NewTotp, ask("auth", "POST", f"{FACTOR}/totp", {"password": password}))


def confirm_totp(code: str) -> list[str]:
    return one(RecoveryCodes, ask("auth", "PUT", f"{FACTOR}/totp", {"code": code})).recovery_codes


def remove_totp(password: str) -> None:
    ask("auth", "DELETE", f"{FACTOR}/totp", {"password": password})


def renew_codes(password: str) -> list[str]:
    reply = ask("auth", "POST", f"{FACTOR}/recovery-codes", {"password": password})
    return one(RecoveryCodes, reply).recovery_codes


def begin_passkey(password: str) -> PasskeyOptions:
    return one(PasskeyOptions, ask("auth", "POST", f"{FACTOR}/passkeys/options", {"password": password}))


def add_passkey(pending: str, name: str, credential: dict[str, Any]) -> list[str]:
    sent = {"pending": pending, "name": name, "credential": credential}
    return one(RecoveryCodes, ask("auth", "POST", f"{FACTOR}/passkeys/", sent)).recovery_codes


def remove_passkey(id: int, password: str) -> None:
    ask("auth", "DELETE", f"{FACTOR}/passkeys/{id}", {"password": password})


def own_log(**asked: Any) -> Log:
    return one(Log, ask("auth", "GET", f"{ME}/log/?{_query(asked)}"))


def whole_log(**asked: Any) -> Log:
    """For administrators."""
    return one(Log, ask("auth", "GET", f"/api/v1/log/?{_query(asked)}"))


def _query(asked: dict[str, Any]) -> str:
    return urlencode({name: value for name, value in asked.items() if value})


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


def change_email(token: str) -> Person:
    """Raises `Invalid` as `confirm` does, `Conflict` when the address was taken meanwhile."""
    return one(Person, ask("auth", "POST", f"{USERS}change-email", {"token": token}))
