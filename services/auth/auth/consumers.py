"""Events in: how many posts people have."""

from chassis.events import Event
from chassis.inbox import Consumers
from chassis.shapes import Shape

from . import commands

consumers = Consumers()


class Counted(Shape):
    author_id: int
    author_post_count: int
    author_post_count_version: int


@consumers.on("posts.post_published.v1", "posts.post_edited.v1", "posts.post_removed.v1", reads=Counted)
def keep_count(event: Event) -> None:
    counted = event.data
    commands.count_posts(counted.author_id, counted.author_post_count, counted.author_post_count_version)
