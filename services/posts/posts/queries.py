"""Every read of posts. One statement each; a second one only where a page is empty."""

from functools import cache
from typing import Any

import sqlalchemy as sa

from chassis.database import Row, Rows
from chassis.problems import NotAllowed, NotFound
from chassis.tokens import Actor

from .models import LEAVING, LIVE_COMMENTS, LIVE_POSTS, Comment, Permission, Person, Post, Tally, db

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
    .where(LIVE_POSTS)
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
    .where(LIVE_COMMENTS)
)
Order = tuple[sa.ColumnElement[Any] | sa.orm.InstrumentedAttribute[Any], ...]
PAGE = {"size": sa.bindparam("size", type_=sa.Integer), "offset": sa.bindparam("offset", type_=sa.Integer)}


def _paged(statement: sa.Select) -> sa.Select:  # type: ignore[type-arg]
    return statement.limit(PAGE["size"]).offset(PAGE["offset"])


def _pages(statement: sa.Select, *which: Any, order: Order) -> tuple[sa.Select, sa.Select]:  # type: ignore[type-arg]
    """The first page, and any later one: that is cut by the index alone, or the texts and names of all that
    come before it would be read, too.
    """
    id = statement.selected_columns.id
    cut = sa.select(id).where(id.table.c.removed_at.is_(None), *which).order_by(*order)
    later = statement.where(id.in_(_paged(cut).correlate(None))).order_by(*order)
    return _paged(statement.where(*which).order_by(*order)), later


def _counting(statement: sa.Select, **counts: sa.Select) -> sa.Select:  # type: ignore[type-arg]
    """With each row comes what there is in all, looked up once: a page and its count are one statement."""
    told = (count.correlate(None).scalar_subquery().label(name) for name, count in counts.items())
    return statement.add_columns(*told)


def _tally(kind: str) -> tuple[sa.ColumnElement[int], Any, sa.ColumnElement[bool]]:
    """A person's number of something, with the table and the condition that join it to the person."""
    tally = sa.orm.aliased(Tally)
    of_person = sa.and_(tally.kind == kind, tally.subject == Person.id, tally.shard == 0)
    return sa.func.coalesce(tally.n, 0), tally, of_person


def _total(kind: Any) -> sa.Select:  # type: ignore[type-arg]
    return sa.select(sa.func.coalesce(sa.func.sum(Tally.n), 0)).where(Tally.kind == kind, Tally.subject == 0)


WRITTEN, *OF_POSTS = _tally("posts_of")
SAID, *OF_COMMENTS = _tally("comments_of")
COUNTS_OF = (
    sa.select(WRITTEN.label("posts"), SAID.label("comments"))
    .select_from(Person)
    .outerjoin(*OF_POSTS)
    .outerjoin(*OF_COMMENTS)
    .where(Person.id == sa.bindparam("author"), Person.removed.is_(False))
)
BY_AUTHOR = _pages(
    _counting(
        POSTS,
        posts=COUNTS_OF.with_only_columns(WRITTEN),
        comments=COUNTS_OF.with_only_columns(SAID),
    ),
    Post.author_id == sa.bindparam("author"),
    order=(Post.published_at.desc(), Post.id.desc()),
)
ONE = POSTS.where(Post.id == sa.bindparam("id"))
EVERYBODYS = {
    "posts": _pages(
        _counting(POSTS, total=_total("posts")), order=(Post.published_at.desc(), Post.id.desc())
    ),
    "comments": _pages(
        _counting(COMMENTS, total=_total("comments")), order=(Comment.published_at.desc(), Comment.id.desc())
    ),
}
OF_POST = _pages(
    _counting(
        COMMENTS,
        total=sa.select(Post.comment_count).where(Post.id == sa.bindparam("post"), LIVE_POSTS),
    ),
    Comment.post_id == sa.bindparam("post"),
    order=(Comment.published_at, Comment.id),
)
ONE_COMMENT = COMMENTS.add_columns(Comment.version).where(Comment.id == sa.bindparam("id"))
TOTAL = _total(sa.bindparam("kind"))

LEAVERS = sa.select(Person.id).where(LEAVING).order_by(Person.id).limit(20)
FORGOTTEN = sa.select(Person.id).where(Person.removed, Person.forgotten_at.is_not(None))


@cache
def beginning(kind: str, size: int) -> sa.Select:  # type: ignore[type-arg]
    """The first page of all there is, for which most ask. It says its length in its text: with the length and
    the place as values PostgreSQL plans such a list each time, which takes longer than to read it.
    """
    return EVERYBODYS[kind][0].offset(None).limit(sa.literal_column(str(size)))


def posts(size: int, offset: int) -> tuple[Rows, int]:
    """Everybody's, newest first; and how many there are."""
    return _everybodys("posts", size, offset)


def posts_of(author: int, reader: Actor, size: int, offset: int) -> tuple[Rows, int, int]:
    """One person's, newest first; and how many posts and comments they have written. Raises `NotFound`."""
    rows = db.rows(BY_AUTHOR[offset > 0], {"author": author, "size": size, "offset": offset})
    if rows and rows[0]["posts"] is not None:
        return rows, int(rows[0]["posts"]), int(rows[0]["comments"])
    return rows, *counts_of(author, reader)


def post(id: int) -> Row:
    """One post. Raises `NotFound`."""
    return found(db.row(ONE, {"id": id}))


def comments(size: int, offset: int) -> tuple[Rows, int]:
    """All comments of all posts, newest first; and how many there are."""
    return _everybodys("comments", size, offset)


def comments_of(id: int, size: int, offset: int) -> tuple[Rows, int]:
    """The comments of a post, oldest first; and how many it has. Raises `NotFound`."""
    rows = db.rows(OF_POST[offset > 0], {"post": id, "size": size, "offset": offset})
    total = rows[0]["total"] if rows else None
    return rows, int(post(id)["comment_count"] if total is None else total)


def comment(id: int) -> Row:
    """One comment. Raises `NotFound`."""
    return found(db.row(ONE_COMMENT, {"id": id}))


def leaving() -> list[int]:
    """Some people who are gone, and of whom there still is something."""
    return [row["id"] for row in db.rows(LEAVERS)]


def _everybodys(kind: str, size: int, offset: int) -> tuple[Rows, int]:
    """A page on which nothing is does not tell how many there are."""
    if offset:
        rows = db.rows(EVERYBODYS[kind][1], {"size": size, "offset": offset})
    else:
        rows = db.rows(beginning(kind, size))
    return rows, int(rows[0]["total"] if rows else db.value(TOTAL, {"kind": kind}))


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
