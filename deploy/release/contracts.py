"""What breaks between two contracts of one service.

Of what a service *sends* (answers, events) nothing may vanish, change its type or become optional. Of what it
*takes* (bodies, parameters) nothing may become required, narrower or be ignored. Events wait in queues and
are replayed, so old and new ones meet old and new readers: there a new member must be optional too (schema
registries call it full transitive compatibility).
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
# A limit that is lowered, or raised, refuses what was taken before.
UPPER = ("maxLength", "maximum", "exclusiveMaximum", "maxItems")
LOWER = ("minLength", "minimum", "exclusiveMinimum", "minItems")
METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


def breaks(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """One sentence for each thing that a client or a consumer of `before` would miss in `after`.

    Both are what `Part.promises` gives: documents by path.
    """
    found: list[str] = []
    for path, document in before.items():
        if path not in after:
            found.append(f"{path} is gone")
        elif path.startswith("events/"):
            found += event_breaks(document, after[path], path.removeprefix("events/").removesuffix(".json"))
        else:
            found += document_breaks(document, after[path])
    return found


def event_breaks(before: Schema, after: Schema, at: str) -> Iterator[str]:
    yield from schema_breaks(Resolver(before), before, Resolver(after), after, at, sent=True)
    for name in sorted(set(after.get("required", ())) - set(before.get("properties", {}))):
        yield f"{at}.{name} is new and required: events that are waiting lack it; give it a default"


def document_breaks(before: Schema, after: Schema) -> Iterator[str]:
    for path, operations in before["paths"].items():
        for method in (name for name in METHODS if name in operations):
            at = f"{method.upper()} {path}"
            now = after["paths"].get(path, {}).get(method)
            if now is None:
                yield f"{at} is gone"
            else:
                yield from operation_breaks(before, operations[method], after, now, at)


def operation_breaks(before: Schema, was: Schema, after: Schema, now: Schema, at: str) -> Iterator[str]:
    old, new = Resolver(before), Resolver(after)
    if now.get("security") and not was.get("security"):
        yield f"{at} now wants credentials"
    yield from parameter_breaks(old, was, new, now, at)
    yield from body_breaks(old, was.get("requestBody"), new, now.get("requestBody"), at)
    for status, answer in was["responses"].items():
        yield from answer_breaks(old, answer, new, now["responses"].get(status), f"{at} {status}")


def body_breaks(
    old: "Resolver", was: Schema | None, new: "Resolver", now: Schema | None, at: str
) -> Iterator[str]:
    taken, takes = old.body(was), new.body(now)
    if taken is not None and takes is not None:
        yield from schema_breaks(old, taken, new, takes, f"{at} body", sent=False)
    elif taken is not None:
        yield f"{at} no longer takes a body"
    elif now and now.get("required"):
        yield f"{at} now wants a body"


def answer_breaks(
    old: "Resolver", was: Schema, new: "Resolver", now: Schema | None, at: str
) -> Iterator[str]:
    """A refusal that is no longer given harms nobody."""
    if now is None:
        if at.rsplit(" ", 1)[1].startswith("2"):
            yield f"{at} is no longer an answer"
        return
    said, says = old.body(was), new.body(now)
    if said is not None and says is not None:
        yield from schema_breaks(old, said, new, says, at, sent=True)
    elif said is not None:
        yield f"{at} has no body any more"


def parameter_breaks(old: "Resolver", was: Schema, new: "Resolver", now: Schema, at: str) -> Iterator[str]:
    known = {(each["in"], each["name"]): each for each in map(old, was.get("parameters", ()))}
    kept = {(each["in"], each["name"]): each for each in map(new, now.get("parameters", ()))}
    for place, name in known.keys() - kept.keys():
        yield f"{at} no longer takes {name} in its {place}"
    for key, parameter in kept.items():
        here = f"{at} {key[1]}"
        if parameter.get("required") and not known.get(key, {}).get("required"):
            yield f"{here} is now required"
        if key in known:
            yield from schema_breaks(
                old, known[key].get("schema", {}), new, parameter.get("schema", {}), here, sent=False
            )


class Resolver:
    """Follows `$ref`s in one document."""

    def __init__(self, document: Schema) -> None:
        self._document = document

    def __call__(self, node: Schema) -> Schema:
        while "$ref" in node:
            found: Any = self._document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node

    def body(self, holder: Schema | None) -> Schema | None:
        """The schema of a request body or an answer, if it has one."""
        content = self(holder or {}).get("content", {})
        return next((each.get("schema", {}) for each in content.values()), None)

    def variants(self, node: Schema) -> list[Schema]:
        """The alternatives of a schema, flat."""
        node = self(node)
        given = node.get("anyOf") or node.get("oneOf")
        if not given:
            return [node]
        return [variant for each in given for variant in self.variants(each)]


def kinds(variants: list[Schema]) -> set[str]:
    """The JSON types it may be; no type said means all of them."""
    found: set[str] = set()
    for variant in variants:
        type = variant.get("type", "anything")
        found |= set(type) if isinstance(type, list) else {type}
    return found


def schema_breaks(
    old: Resolver, before: Schema, new: Resolver, after: Schema, at: str, *, sent: bool
) -> Iterator[str]:
    were, are = old.variants(before), new.variants(after)
    was_kind, is_kind = kinds(were), kinds(are)
    wrong = is_kind - was_kind if sent else was_kind - is_kind
    if wrong and "anything" not in (was_kind if sent else is_kind):
        yield f"{at} was {' or '.join(sorted(was_kind))}, is {' or '.join(sorted(is_kind))}"
        return
    for kind in sorted(was_kind & is_kind):
        was = next(each for each in were if kind in kinds([each]))
        now = next(each for each in are if kind in kinds([each]))
        if kind == "object":
            yield from object_breaks(old, was, new, now, at, sent=sent)
        elif kind == "array":
            yield from schema_breaks(
                old, was.get("items", {}), new, now.get("items", {}), f"{at}[]", sent=sent
            )
        else:
            yield from value_breaks(was, now, at, sent=sent)


def object_breaks(
    old: Resolver, was: Schema, new: Resolver, now: Schema, at: str, *, sent: bool
) -> Iterator[str]:
    known, kept = was.get("properties", {}), now.get("properties", {})
    was_required, is_required = set(was.get("required", ())), set(now.get("required", ()))
    for name in known:
        if name not in kept:
            yield f"{at}.{name} is gone"
        else:
            yield from schema_breaks(old, known[name], new, kept[name], f"{at}.{name}", sent=sent)
    if sent:
        for name in sorted((was_required - is_required) & kept.keys()):
            yield f"{at}.{name} may now be absent"
    else:
        for name in sorted(is_required - was_required):
            yield f"{at}.{name} is now required"


def value_breaks(was: Schema, now: Schema, at: str, *, sent: bool) -> Iterator[str]:
    if was.get("format") != now.get("format"):
        yield f"{at} had the format {was.get('format')}, has {now.get('format')}"
    before, after = was.get("enum"), now.get("enum")
    if sent and before and (after is None or set(after) - set(before)):
        yield f"{at} may now be {'anything' if after is None else sorted(set(after) - set(before))}"
    if not sent:
        yield from narrower(was, now, at)
        if after and (before is None or set(before) - set(after)):
            yield f"{at} may only be {sorted(after)} now"
        if now.get("pattern") and now.get("pattern") != was.get("pattern"):
            yield f"{at} must now match {now['pattern']}"


def narrower(was: Schema, now: Schema, at: str) -> Iterator[str]:
    for limit in UPPER:
        if limit in now and now[limit] < was.get(limit, float("inf")):
            yield f"{at} has {limit} {now[limit]} now, it was {was.get(limit, 'unlimited')}"
    for limit in LOWER:
        if limit in now and now[limit] > was.get(limit, float("-inf")):
            yield f"{at} has {limit} {now[limit]} now, it was {was.get(limit, 'unlimited')}"
