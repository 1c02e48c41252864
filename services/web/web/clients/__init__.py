"""The other services, as pages see them. Every call has a timeout, and a sentence for when it fails."""

from . import auth, health, posts, social
from .calls import install, maybe, together

__all__ = ["auth", "health", "install", "maybe", "posts", "social", "together"]
