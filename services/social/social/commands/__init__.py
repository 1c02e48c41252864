"""Every write of social: one function, one transaction, its events inside."""

from .cards import keep_card, kept_of, remove_card
from .keeping import (
    COUNTED,
    Count,
    count_comments,
    drop_card,
    drop_person,
    follow,
    hold,
    hold_author,
    hold_with_ties,
    keep_person,
    keep_post_count,
    unfollow,
)
from .leaving import forget_person, go_on_forgetting

__all__ = [
    "COUNTED",
    "Count",
    "count_comments",
    "drop_card",
    "drop_person",
    "follow",
    "forget_person",
    "go_on_forgetting",
    "hold",
    "hold_author",
    "hold_with_ties",
    "keep_card",
    "keep_person",
    "keep_post_count",
    "kept_of",
    "remove_card",
    "unfollow",
]
