"""Shapes: the pydantic types from which services build their request, answer and event models."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)

NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)")
FRACTION = re.compile(rf"{NUMBER.pattern}(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
MOST_DIGITS = 30  # more than any bound has; Python refuses to read thousands of them
UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


class Shape(BaseModel):
    """Base of every model: unknown members are ignored, so that fields may be added on either side.

    `optional`: a request may come without it.
    """

    optional: ClassVar[bool] = False

    # What people wrote is in no error text: those are logged.
    model_config = ConfigDict(extra="ignore", from_attributes=True, hide_input_in_errors=True)


class Query(Shape):
    """Base of models read from the query string instead of the body."""


def clean(text: str) -> str:
    """Refuses what no database or page can hold: NUL and halves of surrogate pairs. And what nobody sees, and
    JSON writes six times as long: control characters other than tabs and ends of lines.
    """
    if UNFIT.search(text):
        raise ValueError("contains a character that is not allowed")
    return text


def one_line(text: str) -> str:
    if any(character < " " or character == "\x7f" for character in clean(text)):
        raise ValueError("must be one line of text")
    return text


def number(text: Any) -> int:
    """A whole number of a query string, written as JSON would have it: Python itself reads `1_0`, ` 1`, `+1`
    and the digits of other scripts, too.
    """
    if NUMBER.fullmatch(str(text)) is None:
        raise ValueError("must be a whole number")
    return int(str(text)[:MOST_DIGITS])


def fraction(text: Any) -> float:
    """A number of a query string that need not be whole, likewise."""
    if FRACTION.fullmatch(str(text)) is None:
        raise ValueError("must be a number")
    return float(text)


def at_most(size: int) -> AfterValidator:
    """At most `size` bytes when written as UTF-8."""

    def check(text: str) -> str:
        if len(text.encode()) > size:
            raise ValueError(f"is too long: at most {size} bytes are allowed")
        return text

    return AfterValidator(check)


def utc(moment: datetime) -> str:
    """ISO 8601 with a Z, microseconds kept."""
    at = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{at.isoformat()[:-6]}Z"


Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64), AfterValidator(one_line)]
"""One line of at most 64 characters."""

Moment = Annotated[datetime, PlainSerializer(utc, return_type=str, when_used="always")]
"""A point in time, written in UTC with a Z."""

Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""A 64-bit identity given by the owner's database."""


AS_WRITTEN = BeforeValidator(number)
"""Of a whole number in a query string; the last in its annotation, or its bounds are lost to the document."""

FRACTION_AS_WRITTEN = BeforeValidator(fraction)
"""Of any other number there, likewise."""


def text(size: int) -> object:
    """Several lines of at most `size` bytes."""
    return Annotated[str, AfterValidator(clean), at_most(size)]
