"""Writes `flasky_client/shapes.py` from the blog's API document; `make openapi` runs it."""

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "services/gateway/gateway/static/openapi.json"
SHAPES = HERE / "flasky_client/shapes.py"
KINDS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
HEAD = '''"""What the API gives and takes, as types. Written by generate.py, not by hand."""

from typing import {names}
'''


def shapes(document: dict[str, Any]) -> str:
    """The module's text: one TypedDict for each object of the document."""
    named = document["components"]["schemas"]
    objects = {name: schema for name, schema in named.items() if schema.get("type") == "object"}
    tags = tagged(document)
    body = "".join(shape(name, objects[name], named, name in tags) for name in sorted(objects))
    names = [name for name in ("Any", "NotRequired", "TypedDict") if re.search(rf"\b{name}\b", body)]
    return HEAD.format(names=", ".join(names)) + body


def tagged(document: dict[str, Any]) -> set[str]:
    """The objects that some answers have an `ETag` for."""
    answers = (
        answer
        for operations in document["paths"].values()
        for operation in operations.values()
        for answer in operation["responses"].values()
        if "ETag" in answer.get("headers", {}) and "content" in answer
    )
    return {answer["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1] for answer in answers}


def shape(name: str, schema: dict[str, Any], named: dict[str, Any], tagged: bool) -> str:
    required = set(schema.get("required", ()))
    lines = [f"\n\nclass {name}(TypedDict):"]
    if description := schema.get("description", "").partition("\n")[0]:
        lines += [f'    """{description}"""', ""]
    for member, of in schema.get("properties", {}).items():
        type = kind(of, named)
        # What an answer has by default is always there; what a body has by default may be left out.
        lines.append(f"    {member}: {type if member in required else f'NotRequired[{type}]'}")
    if tagged:
        lines.append("    etag: NotRequired[str]  # where it was read for itself; not in lists")
    return "\n".join(lines if len(lines) > 1 else [*lines, "    pass"]) + "\n"


def kind(schema: dict[str, Any], named: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f'"{name}"' if named[name].get("type") == "object" else kind(named[name], named)
    if "anyOf" in schema:
        found = list(dict.fromkeys(kind(each, named).strip('"') for each in schema["anyOf"]))
        return f'"{" | ".join(found)}"' if any(each in named for each in found) else " | ".join(found)
    if schema.get("type") == "array":
        return f"list[{kind(schema.get('items', {}), named)}]"
    if schema.get("type") == "object":
        return "dict[str, Any]"
    return KINDS.get(schema.get("type", ""), "Any")


if __name__ == "__main__":
    SHAPES.write_text(shapes(json.loads(DOCUMENT.read_text())))
