"""Events in: how many posts people have; who has forgotten somebody; what moderators did."""

from datetime import datetime
from typing import Any

from chassis.audit import Copy
from chassis.events import Event, now
from chassis.inbox import Consumers
from chassis.shapes import Shape

from . import commands
from .models import User

consumers = Consumers()


class Forgotten(Shape):
    id: int


class Counted(Shape):
    author_id: int
    author_post_count: int
    author_post_count_version: int


@consumers.on("posts.post_published.v1", "posts.post_edited.v1", "posts.post_removed.v1", reads=Counted)
def keep_count(event: Event) -> None:
    counted = event.data
    commands.count_posts(counted.author_id, counted.author_post_count, counted.author_post_count_version)


class Judged(Shape):
    id: int
    author_id: int
    moderator_id: int
    disabled: bool


@consumers.on("posts.comment_judged.v1", reads=Judged)
def log_moderation(event: Event) -> None:
    judged = event.data
    commands.note_moderation(
        judged.id, judged.author_id, judged.moderator_id, judged.disabled, happened_at(event)
    )


def happened_at(event: Event) -> datetime:
    """By its owner's clock; of an event that does not say so, by ours."""
    try:
        return datetime.fromisoformat(event.time)
    except ValueError:
        return now()


def count_of(event: Event) -> dict[str, Any]:
    counted = event.data
    return {
        "post_count": counted.author_post_count,
        "post_count_version": counted.author_post_count_version,
    }


consumers.keeps(
    Copy(
        "numbers of posts",
        of="posts.author_counts",
        key=User.id,
        parts={"post_count_version": ("post_count",)},
        as_row=count_of,
        reads=Counted,
        takes=keep_count,
        absent={"post_count": 0, "post_count_version": 0},
    )
)


@consumers.on("posts.user_forgotten.v1", "social.user_forgotten.v1", reads=Forgotten)
def note_forgotten(event: Event) -> None:
    """The service that says it is the first part of the type."""
    commands.note_forgotten(event.data.id, event.type.partition(".")[0], event.version)
