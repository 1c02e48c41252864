"""A3: the fields. Wherever the matrix lets somebody in, the answer shows exactly what the table says, and nothing
can be set that the table does not name (A10: mass assignment).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from .roles import Cast, contracts
from .site import told
from .test_a3_matrix import ROWS, Row, cells, thing

TABLE = yaml.safe_load((Path(__file__).parent / "fields.yaml").read_text())
JSON = "application/json"
SHOWN = [row for row in ROWS if row.operation in TABLE["reads"]]
MADE = [
    row for row in ROWS if row.operation in TABLE["sets"] and "body" in row.told and "2" in str(row.owners)
]
# Values that nobody has by chance, under every name that somebody may have thought of.
NUMBER, TEXT = 424242, "mine.now"
FOREIGN: dict[str, Any] = {
    **dict.fromkeys(("id", "author_id", "user_id", "post_id", "role_id", "permissions", "perms", "ver", "version",
                     "post_count", "comment_count", "follower_count", "owner_id", "tenant"), NUMBER),
    **dict.fromkeys(("username", "avatar_hash", "avatar_url", "url", "password_hash", "sid", "kind", "state", "scope",
                     "body_html", "name", "location", "about_me", "created_by", "password"), TEXT),
    **dict.fromkeys(("member_since", "last_seen", "timestamp", "created_at", "published_at", "removed_at", "expires"),
                    "2001-01-01T00:00:00Z"),
    "email": f"{TEXT}@example.com", "role": "Administrator", "disabled": True, "confirmed": False,
    "second_factor": True, "author": {"id": NUMBER, "username": TEXT}, "user": {"id": NUMBER}, "__proto__": {"id": NUMBER},
}  # fmt: skip


def expanded(words: str) -> set[str]:
    """The names of a line of the table, with what its shapes stand for."""
    names: set[str] = set()
    for word in words.split():
        listed = re.fullmatch(r"(\w+)\[(\w+)\]", word)
        if listed:
            names |= {f"{listed[1]}.{name}" for name in expanded(TABLE["shapes"][listed[2]])}
        else:
            names |= expanded(TABLE["shapes"][word]) if word in TABLE["shapes"] else {word}
    return names


def flat(value: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of an answer by their names; a list has those of its members."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from flat(inner, f"{before}.{name}" if before else name)
    elif isinstance(value, list):
        for inner in value:
            yield from flat(inner, before)
    else:
        yield before, value


def admitted(cast: Cast, row: Row) -> Iterator[tuple[str, str, Any, Any]]:
    """Door, owner, actor and path of every cell that lets somebody in; each with a thing of its own."""
    for door, owner, role, status in cells(row, cast):
        if status[0] != "2" or row.told.get("spare"):
            continue
        actor = cast.actors[role]
        cast.keep_fresh(actor)
        subject = thing(cast, row, actor, owner) if "{" in row.template else None
        yield door, owner, actor, re.sub(r"\{[^}]+\}", str(subject), row.template)


@pytest.mark.parametrize("row", SHOWN, ids=str)
def test_answers_show_what_the_table_says_and_nothing_else(cast, row):
    allowed, wrong = expanded(TABLE["reads"][row.operation]), []
    for door, owner, actor, path in admitted(cast, row):
        answer = cast.ask(door, row.method, path, actor, json=row.told.get("body"))
        leaves = list(flat(answer.json()))
        hidden = TABLE["hides"].get(row.operation, {}).get(owner, "").split()
        shown = {name for name, value in leaves if value is not None} & set(hidden)
        if (more := {name for name, _ in leaves} - allowed - prefixes(allowed)) or shown:
            wrong.append(f"{door} {owner} {actor.role}: {more or shown}")
    assert wrong == []


def prefixes(names: set[str]) -> set[str]:
    """A list without members, or nothing in the place of a thing, is told by its name alone."""
    return {name.rsplit(".", depth)[0] for name in names for depth in range(1, name.count(".") + 1)} | {""}


@pytest.mark.parametrize("row", MADE, ids=str)
def test_nothing_can_be_set_that_the_table_does_not_name(cast, row):
    mine = expanded(TABLE["sets"][row.operation])
    foreign = {name: value for name, value in FOREIGN.items() if name not in mine}
    for door, owner, actor, path in admitted(cast, row):
        path_of = path.replace("/me", f"/{actor.id}")
        before = state(cast, path_of)
        answer = cast.ask(door, row.method, path, actor, json=foreign | row.told["body"])
        assert answer.ok, (door, owner, actor.role, answer.text)
        after = state(cast, urlsplit(answer.headers.get("Location", path_of)).path)
        assert NUMBER not in after.values(), (door, owner, actor.role, after)
        assert not any(TEXT in str(value) or "2001-01-01" in str(value) for value in after.values()), after
        if row.method != "POST":
            changed = {name for name in after if after[name] != before[name]}
            assert after.keys() == before.keys() != set()
            assert changed <= {*mine, "body_html", "last_seen"}, (door, owner, actor.role, changed)
        elif "author.id" in after:
            assert after["author.id"] == actor.id
            assert after.get("disabled", False) is False


def state(cast: Cast, path: str) -> dict[str, Any]:
    """A thing as an administrator sees it."""
    found = re.match(r"/api/v1/(users|posts|comments)/\d+", path)
    if not found:
        return {}
    service = "auth" if found[1] == "users" else "posts"
    address = f"{found[0]}/account" if service == "auth" else found[0]
    answer = cast.ask(service, "GET", address, cast.actors["administrator"])
    assert answer.status_code == 200, answer.text
    return dict(flat(answer.json()))


def test_the_table_names_all_that_the_documents_take_and_show():
    """A field that is added to a shape must be thought of here."""
    for service in ("auth", "posts", "social"):
        document = contracts(service)
        for path, operations in document["paths"].items():
            for method, said in operations.items():
                operation = f"{method.upper()} {path}"
                taken = properties(document, said.get("requestBody", {}).get("content", {}))
                assert taken == set(TABLE["sets"].get(operation, "").split()), operation
                if method == "get" and JSON in said["responses"]["200"].get("content", {}):
                    assert operation in TABLE["reads"], operation


def properties(document: dict[str, Any], content: dict[str, Any]) -> set[str]:
    if JSON not in content:
        return set()
    name = content[JSON]["schema"]["$ref"].rpartition("/")[2]
    return set(document["components"]["schemas"][name]["properties"])


def test_how_many_fields_were_looked_at(site, cast):
    shown = sum(len(expanded(TABLE["reads"][row.operation])) * entries(cast, row) for row in SHOWN)
    foreign = sum(len(FOREIGN) * entries(cast, row) for row in MADE)
    told("A3", site.kind, "fields of answers: shown to somebody who may not see them", shown, 0)
    told("A10", site.kind, "fields that are not a caller's to set: set", foreign, 0)
    assert shown
    assert foreign


def entries(cast: Cast, row: Row) -> int:
    """How many cells let somebody in."""
    return sum(status[0] == "2" for *_, status in cells(row, cast))
