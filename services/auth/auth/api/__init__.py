"""HTTP in: parse, call, present."""

from . import factors, inside, me, people, pictures, tokens

apis = [people.api, me.api, factors.api, tokens.api, pictures.api, inside.api]

__all__ = ["apis"]
