"""The API document (OpenAPI 3.1), generated from what the routes declare."""

import re
from typing import Any

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from .access import Access
from .shapes import Shape

REF = "#/components/schemas/{model}"
WORDS = {
    400: "The input is wrong",
    401: "Credentials are missing or not good",
    403: "Not allowed",
    404: "Nothing there",
    409: "Taken, or changed by somebody else meanwhile",
    410: "It was done when it was first sent, and what it made has been removed since",
    413: "Too large",
    415: "Not JSON",
    422: "The Idempotency-Key was used for another request",
    429: "Too many tries",
    503: "Not available right now",
}
EMPTY = (202, 204)
COME_AGAIN = (429, 503)
GOOD = {200: "Done", 201: "Made", 202: "Accepted", 204: "Done; nothing to say"}


class FieldProblem(Shape):
    field: str
    message: str


class Problem(Shape):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    error: str
    message: str
    errors: list[FieldProblem] | None = None


def document(app: Flask, version: str) -> dict[str, Any]:
    """Every public operation of the service; `/internal/`, health and metrics are not for clients."""
    rules = sorted(public_rules(app), key=lambda rule: (rule.rule, sorted(rule.methods or ())))
    accesses = [access_of(app, rule) for rule in rules]
    shapes = {shape for access in accesses for shape in (access.gives, access.takes) if shape} | {Problem}
    refs, schemas = models_json_schema(
        [
            (shape, mode)
            for shape in sorted(shapes, key=lambda shape: shape.__name__)
            for mode in modes(shape, accesses)
        ],
        ref_template=REF,
    )
    paths: dict[str, dict[str, Any]] = {}
    for rule, access in zip(rules, accesses, strict=True):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            view = app.view_functions[rule.endpoint]
            paths.setdefault(template(rule), {})[method.lower()] = operation(rule, method, view, access, refs)
    return {
        "openapi": "3.1.0",
        "info": {"title": app.name, "version": version},
        "paths": paths,
        "components": {"schemas": schemas.get("$defs", {}), "securitySchemes": SECURITY},
    }


def header(name: str, description: str, **schema: Any) -> dict[str, Any]:
    """One that an answer has."""
    return {name: {"description": description, "schema": {"type": "string"} | schema}}


def asked_by(name: str, description: str, **schema: Any) -> dict[str, Any]:
    """A header that a request may have."""
    [told] = header(name, description, **schema).values()
    return {"name": name, "in": "header", "required": False} | told


FRESHNESS = header(
    "X-Freshness",
    "Seconds since everything that this answer is made of was last known to have arrived."
    " Absent while nothing is known.",
    type="integer",
    minimum=0,
)
TAG = header("ETag", "Names exactly this state.")
LOCATION = header("Location", "The address of what was made.")
REPLAYED = header(
    "Idempotency-Replayed",
    "`true` where the key was known: this is the first answer again.",
    enum=["true"],
)
RETRY = header("Retry-After", "Seconds to wait before the next try.", type="integer", minimum=0)
KEY = asked_by(
    "Idempotency-Key",
    "Any text of one's own, such as a UUID: the same request with it again gives the first"
    " answer again, for a day, and makes nothing twice.",
    pattern=r"^[\x21-\x7e]{1,128}$",
)
IF_NONE_MATCH = asked_by(
    "If-None-Match", "An `ETag` that was read: 304, without a body, while it is the same."
)
IF_MATCH = asked_by(
    "If-Match",
    "The `ETag` that was read: 409 if somebody has changed it meanwhile. Without it the last change wins.",
)
READS = ("GET", "HEAD")
SECURITY = {
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "E-mail and password, or a token and an empty password.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}


def public_rules(app: Flask) -> list[Rule]:
    hidden = ("/internal/", "/livez", "/readyz", "/metrics")
    return [rule for rule in app.url_map.iter_rules() if not rule.rule.startswith(hidden)]


def access_of(app: Flask, rule: Rule) -> Access:
    return app.view_functions[rule.endpoint].access  # type: ignore[union-attr]


def modes(shape: type[BaseModel], accesses: list[Access]) -> list[Any]:
    taken = any(access.takes is shape for access in accesses)
    given = shape is Problem or any(access.gives is shape for access in accesses)
    return ["validation"] * taken + ["serialization"] * given


def template(rule: Rule) -> str:
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)


def operation(rule: Rule, method: str, view: Any, access: Access, refs: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": f"{rule.endpoint.split('.')[-1]}" if method != "HEAD" else "",
        "summary": (view.__doc__ or view.__name__.replace("_", " ").capitalize()).strip().splitlines()[0],
        "responses": responses(method, access, refs),
    }
    if access.who == "signed in":
        told["security"] = [{"basic": []}, {"bearer": []}]
    if parameters := [*path_parameters(rule), *query_parameters(access), *header_parameters(method, access)]:
        told["parameters"] = parameters
    if access.takes:
        content = {"application/json": {"schema": refs[(access.takes, "validation")]}}
        told["requestBody"] = {"required": not access.takes.optional, "content": content}  # type: ignore[attr-defined]
    return told


def path_parameters(rule: Rule) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer" if is_int(rule, name) else "string"},
        }
        for name in sorted(rule.arguments)
    ]


def is_int(rule: Rule, name: str) -> bool:
    return f"<int:{name}>" in rule.rule


def query_parameters(access: Access) -> list[dict[str, Any]]:
    if not access.asks:
        return []
    fields = access.asks.model_json_schema()["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in fields.items()
    ]


def header_parameters(method: str, access: Access) -> list[dict[str, Any]]:
    found = [KEY] if access.keyed else []
    if access.tagged and method not in READS:
        found.append(IF_MATCH)
    elif access.tagged is True:
        found.append(IF_NONE_MATCH)
    return found


def responses(method: str, access: Access, refs: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"headers": headers} if (headers := answer_headers(access)) else {}
    shown = (access.gives, "serialization")
    body = {"content": {"application/json": {"schema": refs[shown]}}} if access.gives else {}
    told = {
        str(status): {"description": GOOD.get(status, "Done"), **({} if status in EMPTY else given | body)}
        for status in (access.status, *access.also)
    }
    told[str(access.status)] |= body  # also where it is only a promise: 202
    if access.tagged is True and method in READS:
        told["304"] = {"description": "As it was read before", "headers": TAG}
    problem = {"application/problem+json": {"schema": {"$ref": REF.format(model="Problem")}}}
    for status in sorted(refusals(access)):
        told[str(status)] = {"description": WORDS.get(status, "Refused"), "content": problem}
        if status in COME_AGAIN:
            told[str(status)]["headers"] = RETRY
    return told


def answer_headers(access: Access) -> dict[str, Any]:
    """Of a good answer."""
    found: dict[str, Any] = FRESHNESS if access.fed else {}
    if access.tagged:
        found = found | TAG
    if access.keyed or access.located:
        found = found | LOCATION
    return found | REPLAYED if access.keyed else found


def refusals(access: Access) -> set[int]:
    found = set(access.refuses) | {503}
    if access.who == "signed in":
        found |= {401, 403}
    if access.keyed:
        found |= {410, 422}
    if access.takes:
        found |= {400, 413, 415}
    if access.asks:
        found.add(400)
    return found
