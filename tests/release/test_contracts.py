"""One deliberate breaking change of each kind to the real contracts is named; what is free is free."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest

from deploy.release.contracts import breaks
from deploy.release.parts import ROOT, Part

POSTS = Part.named("posts").promises()
PUBLISHED = "events/posts.post_published.v1.json"
POST_AT = "/api/v1/posts/"
Change = Callable[[dict[str, Any]], object]


def after(change: Change) -> list[str]:
    changed = copy.deepcopy(POSTS)
    change(changed)
    return breaks(POSTS, changed)


def schema(contract: dict[str, Any], name: str) -> dict[str, Any]:
    return contract["openapi.json"]["components"]["schemas"][name]


def publish(contract: dict[str, Any]) -> dict[str, Any]:
    return contract["openapi.json"]["paths"][POST_AT]["post"]


def body_of(operation: dict[str, Any], contract: dict[str, Any]) -> dict[str, Any]:
    given = operation["requestBody"]["content"]["application/json"]["schema"]
    return schema(contract, given["$ref"].rsplit("/", 1)[1]) if "$ref" in given else given


def answer_of(operation: dict[str, Any], contract: dict[str, Any], status: str = "201") -> dict[str, Any]:
    [content] = operation["responses"][status]["content"].values()
    given = content["schema"]
    return schema(contract, given["$ref"].rsplit("/", 1)[1]) if "$ref" in given else given


def text_of(contract: dict[str, Any]) -> dict[str, Any]:
    """The string that a new post's body is."""
    member = body_of(publish(contract), contract)["properties"]["body"]
    return next(each for each in member.get("anyOf", [member]) if each["type"] == "string")


BREAKING: dict[str, tuple[Change, str]] = {
    "an event is no longer said": (
        lambda it: it.pop("events/posts.post_edited.v1.json"),
        "events/posts.post_edited.v1.json is gone",
    ),
    "an event loses a member": (
        lambda it: it[PUBLISHED]["properties"].pop("body_html"),
        "posts.post_published.v1.body_html is gone",
    ),
    "a member of an event changes its type": (
        lambda it: it[PUBLISHED]["properties"].update(comment_count={"type": "string"}),
        "posts.post_published.v1.comment_count was integer, is string",
    ),
    "a member of an event may be null": (
        lambda it: it[PUBLISHED]["properties"].update(body={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "posts.post_published.v1.body was string, is null or string",
    ),
    "a member of an event may be absent": (
        lambda it: it[PUBLISHED]["required"].remove("author_id"),
        "posts.post_published.v1.author_id may now be absent",
    ),
    "an event gains a required member": (
        lambda it: (
            it[PUBLISHED]["properties"].update(mood={"type": "string"}),
            it[PUBLISHED]["required"].append("mood"),
        ),
        "posts.post_published.v1.mood is new and required: events that are waiting lack it",
    ),
    "an operation is gone": (
        lambda it: it["openapi.json"]["paths"][POST_AT].pop("post"),
        f"POST {POST_AT} is gone",
    ),
    "a body wants one member more": (
        lambda it: (
            body_of(publish(it), it)["properties"].update(title={"type": "string"}),
            body_of(publish(it), it).setdefault("required", []).append("title"),
        ),
        f"POST {POST_AT} body.title is now required",
    ),
    "a body's member is ignored": (
        lambda it: body_of(publish(it), it)["properties"].pop("body"),
        f"POST {POST_AT} body.body is gone",
    ),
    "a body's member becomes shorter": (
        lambda it: text_of(it).update(maxLength=3),
        f"POST {POST_AT} body.body has maxLength 3 now, it was",
    ),
    "an answer loses a member": (
        lambda it: answer_of(publish(it), it)["properties"].pop("url"),
        f"POST {POST_AT} 201.url is gone",
    ),
    "a success is answered otherwise": (
        lambda it: publish(it)["responses"].update({"202": publish(it)["responses"].pop("201")}),
        f"POST {POST_AT} 201 is no longer an answer",
    ),
    "a parameter becomes required": (
        lambda it: it["openapi.json"]["paths"][POST_AT]["get"]["parameters"].append(
            {"in": "query", "name": "mood", "required": True, "schema": {"type": "string"}}
        ),
        f"GET {POST_AT} mood is now required",
    ),
}
FREE: dict[str, Change] = {
    "nothing": lambda it: None,
    "an event gains a member that may be absent": lambda it: it[PUBLISHED]["properties"].update(
        mood={"type": "string", "default": ""}
    ),
    "a new event": lambda it: it.update({"events/posts.post_liked.v1.json": it[PUBLISHED]}),
    "an answer gains a member": lambda it: answer_of(publish(it), it)["properties"].update(
        mood={"type": "string"}
    ),
    "a body may have one member more": lambda it: body_of(publish(it), it)["properties"].update(
        mood={"type": "string"}
    ),
    "a new operation": lambda it: it["openapi.json"]["paths"].update({"/api/v1/likes/": {}}),
    "an answer's text becomes shorter": lambda it: answer_of(publish(it), it)["properties"]["body"].update(
        maxLength=3
    ),
}


@pytest.mark.parametrize("kind", BREAKING)
def test_a_breaking_change_is_named(kind):
    change, sentence = BREAKING[kind]
    assert [told for told in after(change) if told.startswith(sentence)], after(change)


@pytest.mark.parametrize("kind", FREE)
def test_what_harms_nobody_is_free(kind):
    assert after(FREE[kind]) == []


def test_the_documentation_lists_every_kind_that_was_tried():
    page = (ROOT / "docs/change/releases.md").read_text()
    rows = re.findall(r"^\| (.+?) \| `(.+?)` \|$", page, re.M)
    assert dict(rows) == {kind: sentence for kind, (_, sentence) in BREAKING.items()}
