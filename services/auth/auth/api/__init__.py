"""HTTP in: parse, call, present."""

from . import inside, me, people, pictures, tokens

apis = [people.api, me.api, tokens.api, pictures.api, inside.api]

__all__ = ["apis"]
