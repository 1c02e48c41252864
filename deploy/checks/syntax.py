"""What the checks ask of a syntax tree, and how they tell what they have found."""

import ast
from typing import NamedTuple


class Finding(NamedTuple):
    line: int
    said: str


def called(call: ast.AST) -> str:
    """The last part of what is called."""
    function = call.func if isinstance(call, ast.Call) else call
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value that is given by this name."""
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def is_exactly(value: ast.expr | None, constant: object) -> bool:
    """Whether it is written as this constant: True, False or None."""
    return isinstance(value, ast.Constant) and value.value is constant
