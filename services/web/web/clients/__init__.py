"""The other services, as pages see them. Every call has a timeout, and a sentence for when it fails."""

from . import auth, posts, social
from .calls import install, maybe, together

__all__ = ["auth", "install", "maybe", "posts", "social", "together"]
