"""A3: role × operation × ownership × field, through the gateway and straight at each service's door.

`matrix.yaml` is the table. Every cell that writes makes its own thing, so cells do not depend on each other.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from web import app as web

from .roles import ROLES, WITHDRAWN, Actor, Cast, contracts
from .site import told

TABLE = yaml.safe_load((Path(__file__).parent / "matrix.yaml").read_text())
OPTIONS = {"thing", "body", "spare"}
NOWHERE = 10**15
WEB, WIDTH = "web", 8
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True)
class Row:
    """One operation of one service."""

    service: str
    operation: str

    @property
    def told(self) -> dict[str, Any]:
        return TABLE[self.service][self.operation] or {}

    @property
    def method(self) -> str:
        return self.operation.split(" ")[0]

    @property
    def template(self) -> str:
        return self.operation.split(" ")[1]

    @cached_property
    def owners(self) -> dict[str, list[str]]:
        """Expected statuses by kind of owner, one for each role."""
        return {owner: str(line).split() for owner, line in self.told.items() if owner not in OPTIONS}

    def __str__(self) -> str:
        return f"{self.service} {self.operation}"


ROWS = [Row(service, operation) for service, rows in TABLE.items() for operation in rows]


def cells(row: Row, cast: Cast) -> Iterator[tuple[str, str, str, str]]:
    """door, owner, role and expected status."""
    for owner, statuses in row.owners.items():
        for role, status in zip(ROLES, statuses, strict=True):
            gone = role == "removed" and owner == "own"  # nothing of theirs is left
            if status == "-" or gone or role not in cast.actors:
                continue
            yield "gateway", owner, role, status
            if (
                row.service != WEB or role not in WITHDRAWN
            ):  # pages: the gateway has nothing to exchange for them
                yield row.service, owner, role, status


def answered(cast: Cast, row: Row, door: str, owner: str, role: str) -> str:
    actor = cast.actors[role]
    if row.told.get("spare") and role in cast.spares:
        actor = cast.with_tokens(cast.spares[role])
        if row.service == WEB:
            cast.with_pages(actor)
    cast.keep_fresh(actor)
    path = re.sub(r"\{[^}]+\}|<[^>]+>", lambda _: str(thing(cast, row, actor, owner)), row.template)
    options = page(actor, row, door, cast) if row.service == WEB else {"json": row.told.get("body")}
    return str(cast.ask(door, row.method, path, None if row.service == WEB else actor, **options).status_code)


def page(actor: Actor, row: Row, door: str, cast: Cast) -> dict[str, Any]:
    """What a browser sends; straight at the service's door, what the gateway makes of it."""
    cookies = dict(actor.cookies)
    headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    if door != "gateway" and (session := cookies.pop("session", "")):
        headers["Authorization"] = f"Bearer {cast.exchanged(session)}"
    form = {"csrf_token": actor.csrf} | (row.told.get("body") or {})
    return {"headers": headers, "cookies": cookies, "data": form if row.method == "POST" else None}


def thing(cast: Cast, row: Row, actor: Actor, owner: str) -> Any:
    """What stands in the address for this cell."""
    holder = actor if owner == "own" else cast.banned if owner == "disabled" else cast.olga
    kind = row.told.get("thing")
    assert kind in THINGS, f"{row} has something in its address that `thing` does not name"
    return THINGS[kind](cast, actor, owner, holder)


def victim(cast: Cast, actor: Actor, owner: str, holder: Actor) -> int:
    """Who is removed must be nobody that other cells need."""
    return cast.make("user").id if actor.role == "administrator" and owner == "other" else holder.id


def comment(cast: Cast, actor: Actor, owner: str, holder: Actor) -> int:
    hidden = owner == "disabled"
    return cast.gone_comment if owner == "deleted" else cast.comment(cast.olga if hidden else holder, hidden)


THINGS: dict[Any, Callable[[Cast, Actor, str, Actor], Any]] = {
    "hash": lambda *_: "0" * 32,
    "file": lambda *_: "favicon.svg",
    "token": lambda *_: "no-such-token-at-all",
    "number": lambda *_: NOWHERE,
    "victim": victim,
    "comment": comment,
    "person": lambda cast, actor, owner, holder: NOWHERE if owner == "deleted" else holder.id,
    "username": lambda cast, actor, owner, holder: "nobody.at.all" if owner == "deleted" else holder.username,
    "session": lambda cast, actor, owner, holder: "0" * 32 if owner == "deleted" else cast.sid_of(holder),
    "post": lambda cast, actor, owner, holder: cast.gone_post if owner == "deleted" else cast.post(holder),
}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_every_cell_is_as_the_table_says(cast, row):
    table = list(cells(row, cast))
    width = (
        1 if row.told.get("spare") else WIDTH
    )  # who loses a session is not asked for anything else meanwhile
    with ThreadPoolExecutor(width) as pool:
        found = pool.map(lambda cell: answered(cast, row, *cell[:3]), table)
        wrong = [
            f"{cell}: {got}" for cell, got in zip(table, found, strict=True) if got not in cell[3].split("/")
        ]
    assert wrong == []


def test_every_operation_has_its_row():
    for service in ("auth", "posts", "social"):
        promised = {
            f"{method.upper()} {path}"
            for path, operations in contracts(service)["paths"].items()
            for method in operations
        }
        assert promised == {operation.partition("?")[0] for operation in TABLE[service]}, service


def test_every_page_and_form_has_its_row():
    app = web.create_app(web.Settings(environment="testing", log_level="CRITICAL"))
    known = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & METHODS
        if not rule.rule.startswith(("/livez", "/readyz", "/metrics", "/internal"))
    }
    assert known == set(TABLE[WEB])


def test_the_table_knows_every_role_and_no_other():
    for row in ROWS:
        assert row.owners, f"{row} says nothing"
        for owner, statuses in row.owners.items():
            assert len(statuses) == len(ROLES), f"{row}, {owner}"


def test_how_many_cells_there_are(site, cast):
    count = sum(1 for row in ROWS for _ in cells(row, cast))
    assert count > len(ROWS), "each row is asked for more than once"
    told(
        "A3", site.kind, "role × operation × ownership, gateway and straight: other than the table", count, 0
    )
