"""The fields that shapes are made of; every text has a limit."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator, StringConstraints

from chassis.shapes import at_most, clean, one_line

from .. import addresses
from ..passwords import LONGEST

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")


def username(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("must begin with a letter and have only letters, digits, dots and underscores")
    return text


def role_named(role: Any) -> int | str:
    """By its id or its name."""
    if isinstance(role, int) and not isinstance(role, bool) and 0 < role < 2**63:
        return role
    if isinstance(role, str) and len(role) <= 64:
        return clean(role)
    raise ValueError("must be the id or the name of a role")


Username = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(username)]
Address = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254), AfterValidator(one_line)
]
Email = Annotated[Address, AfterValidator(addresses.good)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST), AfterValidator(clean)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=256), AfterValidator(one_line)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(one_line)]
Jwt = Annotated[str, StringConstraints(max_length=4096), AfterValidator(one_line)]
Short = Annotated[str, StringConstraints(max_length=64), AfterValidator(one_line)]
Agent = Annotated[str, StringConstraints(max_length=1024), AfterValidator(one_line)]
RoleName = Annotated[int | str, PlainValidator(role_named, json_schema_input_type=int | str)]
AboutMe = Annotated[str, AfterValidator(clean), at_most(4 * 1024)]
