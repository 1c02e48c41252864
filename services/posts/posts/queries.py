"""Every read of posts. One statement each; a second one only by primary key."""

from typing import Any

import sqlalchemy as sa

from chassis.database import Row, Rows
from chassis.problems import NotAllowed, NotFound
from chassis.tokens import Actor

from .models import LEAVING, Comment, Permission, Person, Post, Tally, db

AUTHOR = (Person.username, Person.avatar_hash, Person.version.label("person_version"))
POSTS = (
    sa.select(
        Post.id,
        Post.author_id,
        Post.body,
        Post.body_html,
        Post.published_at,
        Post.version,
        Post.comment_count,
        Post.comment_count_version,
        *AUTHOR,
    )
    .outerjoin(Person, Person.id == Post.author_id)
    .where(Post.removed_at.is_(None))
)
COMMENTS = (
    sa.select(
        Comment.id,
        Comment.post_id,
        Comment.author_id,
        Comment.body,
        Comment.body_html,
        Comment.published_at,
        Comment.disabled,
        *AUTHOR,
    )
    .outerjoin(Person, Person.id == Comment.author_id)
    .where(Comment.removed_at.is_(None))
)
PAGE = {"size": sa.bindparam("size", type_=sa.Integer), "offset": sa.bindparam("offset", type_=sa.Integer)}


def _paged(statement: sa.Select) -> sa.Select:  # type: ignore[type-arg]
    return statement.limit(PAGE["size"]).offset(PAGE["offset"])


NEWEST = _paged(POSTS.order_by(Post.published_at.desc(), Post.id.desc()))
BY_AUTHOR = _paged(
    POSTS.where(Post.author_id == sa.bindparam("author")).order_by(Post.published_at.desc(), Post.id.desc())
)
ONE = POSTS.where(Post.id == sa.bindparam("id"))
ALL_COMMENTS = _paged(COMMENTS.order_by(Comment.published_at.desc(), Comment.id.desc()))
OF_POST = _paged(
    COMMENTS.where(Comment.post_id == sa.bindparam("post")).order_by(Comment.published_at, Comment.id)
)
ONE_COMMENT = COMMENTS.where(Comment.id == sa.bindparam("id"))
TOTAL = sa.select(sa.func.coalesce(sa.func.sum(Tally.n), 0)).where(
    Tally.kind == sa.bindparam("kind"), Tally.subject == 0
)


def _tally(kind: str) -> tuple[sa.ColumnElement[int], Any, sa.ColumnElement[bool]]:
    """A person's number of something, with the table and the condition that join it to the person."""
    tally = sa.orm.aliased(Tally)
    of_person = sa.and_(tally.kind == kind, tally.subject == Person.id, tally.shard == 0)
    return sa.func.coalesce(tally.n, 0), tally, of_person


WRITTEN, *OF_POSTS = _tally("posts_of")
SAID, *OF_COMMENTS = _tally("comments_of")
COUNTS_OF = (
    sa.select(WRITTEN.label("posts"), SAID.label("comments"))
    .select_from(Person)
    .outerjoin(*OF_POSTS)
    .outerjoin(*OF_COMMENTS)
    .where(Person.id == sa.bindparam("author"), Person.removed.is_(False))
)

LEAVERS = sa.select(Person.id).where(LEAVING).order_by(Person.id).limit(20)


def posts(size: int, offset: int) -> Rows:
    """Everybody's, newest first."""
    return db.rows(NEWEST, {"size": size, "offset": offset})


def posts_of(author: int, size: int, offset: int) -> Rows:
    """One person's, newest first."""
    return db.rows(BY_AUTHOR, {"author": author, "size": size, "offset": offset})


def post(id: int) -> Row:
    """One post. Raises `NotFound`."""
    return found(db.row(ONE, {"id": id}))


def comments(size: int, offset: int) -> Rows:
    """All comments of all posts, newest first."""
    return db.rows(ALL_COMMENTS, {"size": size, "offset": offset})


def comments_of(post: int, size: int, offset: int) -> Rows:
    """The comments of a post, oldest first."""
    return db.rows(OF_POST, {"post": post, "size": size, "offset": offset})


def comment(id: int) -> Row:
    """One comment. Raises `NotFound`."""
    return found(db.row(ONE_COMMENT, {"id": id}))


def leaving() -> list[int]:
    """Some people who are gone, and of whom there still is something."""
    return [row["id"] for row in db.rows(LEAVERS)]


def total(kind: str) -> int:
    """How many `posts` or `comments` there are."""
    return int(db.value(TOTAL, {"kind": kind}))


def counts_of(author: int, reader: Actor) -> tuple[int, int]:
    """How many posts and comments somebody has written. Raises `NotFound` for nobody; the reader exists, even
    where the news of it is still on its way.
    """
    row = db.row(COUNTS_OF, {"author": author})
    if row is None and author != reader.id:
        raise NotFound
    return (int(row["posts"]), int(row["comments"])) if row else (0, 0)


def may_edit_post(actor: Actor, id: int) -> None:
    """Its author, or an administrator."""
    own_or(actor, post(id)["author_id"], Permission.ADMIN)


def may_edit_comment(actor: Actor, id: int) -> None:
    """Its author, or an administrator."""
    own_or(actor, comment(id)["author_id"], Permission.ADMIN)


def may_remove_comment(actor: Actor, id: int) -> None:
    """Its author, a moderator or an administrator."""
    own_or(actor, comment(id)["author_id"], Permission.MODERATE)


def post_exists(_: Actor, id: int) -> None:
    post(id)


def comment_exists(_: Actor, id: int) -> None:
    comment(id)


def own_or(actor: Actor, author: int, bit: Permission) -> None:
    if author != actor.id and not (actor.can(bit) or actor.can(Permission.ADMIN)):
        raise NotAllowed


def found(row: Row | None) -> Row:
    if row is None:
        raise NotFound
    return row
