"""Every write of posts: one function, one transaction, its events inside."""

from .people import forget_person, go_on_forgetting, keep_person
from .writings import comment, edit, edit_comment, moderate, publish, remove, remove_comment

__all__ = [
    "comment",
    "edit",
    "edit_comment",
    "forget_person",
    "go_on_forgetting",
    "keep_person",
    "moderate",
    "publish",
    "remove",
    "remove_comment",
]
