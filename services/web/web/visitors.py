"""Who is looking: the actor of the request, what they may do, and where strangers are sent."""

import functools
from collections.abc import Callable
from enum import IntFlag
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, g, redirect, request

from chassis.access import authenticate, public
from chassis.problems import NotAllowed
from chassis.settings import settings
from chassis.tokens import Actor

View = Callable[..., Any]
OPEN_TO_UNCONFIRMED = ("account.", "signing.", "log.own", "files.", "health.", "machines.")
NOT_COME_BACK_TO = (
    "signing.login",
    "signing.logout",
    "factors.second_step",
    "account.register",
    "account.ask_reset",
    "account.reset",
)


class Permission(IntFlag):
    """The bits of a role; auth decides who holds them."""

    FOLLOW = 1
    COMMENT = 2
    WRITE = 4
    MODERATE = 8
    ADMIN = 16


class SignInFirst(Exception):
    """The page is for people who are signed in; they come back to it afterwards."""


def visitor() -> Actor | None:
    """Who is signed in here, if anybody."""
    return g.get("actor")


def me() -> Actor:
    """Who is signed in. Raises `SignInFirst`."""
    actor = visitor()
    if actor is None:
        raise SignInFirst
    return actor


def may(bits: int) -> bool:
    actor = visitor()
    return actor is not None and actor.can(bits)


def needs(*bits: int) -> None:
    """Raises `SignInFirst` for strangers, `NotAllowed` for those who lack a bit."""
    actor = me()
    if not all(actor.can(bit) for bit in bits):
        raise NotAllowed


def members(*bits: int) -> Callable[[View], View]:
    """Declares a page for people who are signed in and hold the bits: strangers log in first."""

    def around(view: View) -> View:
        @functools.wraps(view)
        def guarded(**path: Any) -> Any:
            needs(*bits)
            return view(**path)

        return public()(guarded)

    return around


def safe_path(target: str | None) -> str:
    """`target` if it is a path on this site, else the home page (`//`, `/\\` and schemes lead elsewhere)."""
    if not target or not target.startswith("/") or target[1:2] in ("/", "\\"):
        return "/"
    if "\\" in target or any(character <= " " or character == "\x7f" for character in target):
        return "/"
    return target


def login_address() -> str:
    """The login page, which leads back to where the visitor was going; never to a form's answer."""
    back = request.full_path.rstrip("?") if request.method == "GET" else request.path
    return login_before("/" if request.endpoint in NOT_COME_BACK_TO else back)


def login_before(path: str) -> str:
    """The login page, which leads on to a path."""
    return "/auth/login" if path == "/" else f"/auth/login?next={quote(path, safe='/')}"


def _recognise() -> None:
    """Before every page: the token that the gateway has put in; who shows none is a stranger."""
    if request.endpoint and request.endpoint.startswith(("files.", "health.")):
        return
    if "Authorization" in request.headers:
        authenticate()


def _gate() -> Response | None:
    """An account that is not confirmed sees only its own management. No such address: 404 as ever."""
    actor = visitor()
    if actor is None or actor.confirmed or request.endpoint is None:
        return None
    if request.endpoint.startswith(OPEN_TO_UNCONFIRMED):
        return None
    return redirect("/auth/unconfirmed", 302 if request.method == "GET" else 303)  # type: ignore[return-value]


def install(app: Flask) -> None:
    app.before_request(_recognise)
    app.before_request(_gate)
    app.context_processor(lambda: {"visitor": visitor()})
    app.jinja_env.globals |= {"may": may, "Permission": Permission, "settings": settings}
