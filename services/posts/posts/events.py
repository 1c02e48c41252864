"""Every event that posts publishes, and the current state of everything for those who need it again."""

import sqlalchemy as sa
from pydantic import BaseModel

from chassis import outbox
from chassis.database import Row
from chassis.events import Event
from chassis.shapes import Moment, Shape
from chassis.snapshots import number

from .models import Comment, Count, Person, Post, Tally, db

POST_PUBLISHED = "posts.post_published.v1"
POST_EDITED = "posts.post_edited.v1"
POST_REMOVED = "posts.post_removed.v1"
COMMENT_PUBLISHED = "posts.comment_published.v1"
COMMENT_MODERATED = "posts.comment_moderated.v1"
COMMENT_REMOVED = "posts.comment_removed.v1"
USER_FORGOTTEN = "posts.user_forgotten.v1"
COMMENT_JUDGED = "posts.comment_judged.v1"
AUTHOR_COUNTS = "posts.author_counts"


class PostState(Shape):
    """A post as it now is. `author_post_count` is absolute and has a version of its own."""

    id: int
    author_id: int
    body: str
    body_html: str
    published_at: Moment
    edited_at: Moment | None
    comment_count: int
    comment_count_version: int
    author_post_count: int
    author_post_count_version: int


class PostGone(Shape):
    """A removed post; its comments are gone with it."""

    id: int
    author_id: int
    author_post_count: int
    author_post_count_version: int


class CommentState(Shape):
    """A comment as it now is; the text of a disabled or removed one is nobody's business."""

    id: int
    post_id: int
    author_id: int
    body: str | None
    body_html: str | None
    disabled: bool
    published_at: Moment
    post_comment_count: int
    post_comment_count_version: int


class Judgement(Shape):
    """What a moderator did with a comment; for the log."""

    id: int
    author_id: int
    moderator_id: int
    disabled: bool


class AuthorCount(Shape):
    """How many posts somebody has; for audits only."""

    author_id: int
    author_post_count: int
    author_post_count_version: int


class PersonForgotten(Shape):
    """Of this person, whose account is gone, there is nothing here any more."""

    id: int


PUBLISHES: dict[str, type[BaseModel]] = {
    POST_PUBLISHED: PostState,
    POST_EDITED: PostState,
    POST_REMOVED: PostGone,
    COMMENT_PUBLISHED: CommentState,
    COMMENT_MODERATED: CommentState,
    COMMENT_REMOVED: CommentState,
    USER_FORGOTTEN: PersonForgotten,
    COMMENT_JUDGED: Judgement,
}


def post_published(post: Post, count: Count) -> None:
    outbox.add(POST_PUBLISHED, post.id, post.version, post_state(post, count), about=post.author_id)


def post_edited(post: Post, count: Count) -> None:
    outbox.add(POST_EDITED, post.id, post.version, post_state(post, count), about=post.author_id)


def post_removed(post: Post, count: Count) -> None:
    outbox.add(POST_REMOVED, post.id, post.version, post_gone(post, count))


def comment_published(comment: Comment, post: Post) -> None:
    state = comment_state(comment, post)
    outbox.add(COMMENT_PUBLISHED, comment.id, comment.version, state, about=comment.author_id)


def comment_moderated(comment: Comment, post: Post) -> None:
    """Also said when its author changes the text."""
    state = comment_state(comment, post)
    outbox.add(COMMENT_MODERATED, comment.id, comment.version, state, about=comment.author_id)


def comment_judged(comment: Comment, moderator: int) -> None:
    """Beside `comment_moderated`, which says how the comment is now and not who made it so."""
    told = Judgement(
        id=comment.id, author_id=comment.author_id, moderator_id=moderator, disabled=comment.disabled
    )
    outbox.add(COMMENT_JUDGED, comment.id, comment.version, told, about=comment.author_id)


def comment_removed(comment: Comment, post: Post) -> None:
    outbox.add(COMMENT_REMOVED, comment.id, comment.version, comment_state(comment, post))


def user_forgotten(person: Person) -> None:
    """Said again whenever it is asked again."""
    outbox.add(USER_FORGOTTEN, person.id, person.version, PersonForgotten(id=person.id))


def post_state(post: Post, count: Count) -> PostState:
    own = {name: getattr(post, name) for name in PostState.model_fields if hasattr(post, name)}
    return PostState(**own, author_post_count=count.n, author_post_count_version=count.version)


def post_gone(post: Post, count: Count) -> PostGone:
    return PostGone(
        id=post.id,
        author_id=post.author_id,
        author_post_count=count.n,
        author_post_count_version=count.version,
    )


def comment_state(comment: Comment, post: Post) -> CommentState:
    hidden = comment.disabled or comment.removed_at is not None
    return CommentState(
        id=comment.id,
        post_id=comment.post_id,
        author_id=comment.author_id,
        body=None if hidden else comment.body,
        body_html=None if hidden else comment.body_html,
        disabled=comment.disabled,
        published_at=comment.published_at,
        post_comment_count=post.comment_count,
        post_comment_count_version=post.comment_count_version,
    )


def posts_now(after: str, limit: int) -> list[Event]:
    """A page of all posts as they now are, removed ones as removed."""
    count = (Tally.kind == "posts_of", Tally.subject == Post.author_id, Tally.shard == 0)
    query = sa.select(Post, Tally.n, Tally.version).join(Tally, sa.and_(*count))
    rows = db.objects(query.where(Post.id > number(after)).order_by(Post.id).limit(limit))
    return [_post_now(row.Post, Count(row.n, row.version)) for row in rows]


def _post_now(post: Post, count: Count) -> Event:
    if post.removed_at is None:
        state = post_state(post, count)
        return outbox.event(POST_PUBLISHED, post.id, post.version, state, about=post.author_id)
    return outbox.event(POST_REMOVED, post.id, post.version, post_gone(post, count))


def comments_now(after: str, limit: int) -> list[Event]:
    """A page of all comments as they now are, removed ones as removed."""
    query = sa.select(Comment, Post).join(Post, Post.id == Comment.post_id)
    rows = db.objects(query.where(Comment.id > number(after)).order_by(Comment.id).limit(limit))
    return [_comment_now(comment, post) for comment, post in rows]


def _comment_now(comment: Comment, post: Post) -> Event:
    type = COMMENT_PUBLISHED if comment.removed_at is None else COMMENT_REMOVED
    state = comment_state(comment, post)
    return outbox.event(type, comment.id, comment.version, state, about=comment.author_id)


def author_counts_now(after: str, limit: int) -> list[Event]:
    """A page of how many posts each author has. No event: those of posts say it too."""
    counted = (Tally.kind == "posts_of", Tally.shard == 0, Tally.subject > number(after))
    rows = db.rows(
        sa.select(Tally.subject, Tally.n, Tally.version).where(*counted).order_by(Tally.subject).limit(limit)
    )
    return [outbox.event(AUTHOR_COUNTS, row["subject"], row["version"], _count_now(row)) for row in rows]


def _count_now(row: Row) -> AuthorCount:
    return AuthorCount(
        author_id=row["subject"], author_post_count=row["n"], author_post_count_version=row["version"]
    )


SNAPSHOTS = {POST_PUBLISHED: posts_now, COMMENT_PUBLISHED: comments_now, AUTHOR_COUNTS: author_counts_now}
