"""What callers send, read into shapes; whatever is wrong with it gets a sentence that names the field."""

from collections.abc import Mapping
from typing import Any

import orjson
from flask import request
from pydantic import BaseModel, ValidationError

from .problems import Invalid, UnsupportedType
from .shapes import Query, Shape
from .tokens import Actor

DEEPEST = 32
WORDS = {
    "missing": "is missing",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "dict_type": "must be an object",
}
EMPTY = ("string_too_short", "too_short")  # the second where a function has seen it first


def from_query(shape: type[Query], _: Actor | None) -> Query:
    return validated(shape, request.args.to_dict())


def from_body(shape: type[Shape], _: Actor | None) -> BaseModel:
    if shape.optional and not request.get_data(cache=True):
        return validated(shape, {})
    return validated(shape, json_body())


def json_body() -> dict[str, Any]:
    """The JSON object of the request. Raises `UnsupportedType` or `Invalid`."""
    if not request.is_json:
        raise UnsupportedType
    try:
        body = orjson.loads(request.get_data())
    except orjson.JSONDecodeError as error:
        raise Invalid(f"The body is not valid JSON: {str(error).split(':')[0]}.") from None
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object.")
    if deeper_than(DEEPEST, body):
        raise Invalid(f"The body is nested too deeply: at most {DEEPEST} levels are allowed.")
    return body


def deeper_than(limit: int, value: Any) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def validated(shape: type[Any], values: Mapping[str, Any]) -> Any:
    try:
        return shape.model_validate(values)
    except ValidationError as error:
        errors = [field_error(item) for item in error.errors(include_url=False, include_input=False)]
        raise Invalid(errors[0]["message"], errors=errors) from None


def field_error(item: Any) -> dict[str, str]:
    """One pydantic error as `{field, message}`: the field's name, then what it must be."""
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "value_error":
        said = str(item["ctx"]["error"])
    elif item["type"] in EMPTY and item["ctx"]["min_length"] == 1:
        said = "must not be empty"
    else:
        said = WORDS.get(item["type"], item["msg"]).removeprefix("String ").removeprefix("Input ")
    return {"field": where, "message": f"{where} {said}".strip()}
