"""Situations with a name, reached through the doors of the service."""

from datetime import UTC, datetime, timedelta

USER = 7
JOHN, SUSAN, DAVID = 1, 2, 3
NAMES = {JOHN: "john", SUSAN: "susan", DAVID: "david"}
MORNING = datetime(2026, 1, 1, 9, tzinfo=UTC)


def a_person(social, id, username=None, version=1, **known):
    """auth has told of a person."""
    told = {"id": id, "username": username or f"user{id}", "name": None, "avatar_hash": f"{id:032x}"} | known
    return social.receive("auth.user_changed.v1", id, version, told)


def a_removed_person(social, id, version=9):
    return social.receive("auth.user_removed.v1", id, version, {"id": id})


def a_post(social, id, by, version=1, **known):
    """posts has told of a post, published `id` minutes after the morning unless said otherwise."""
    type = "posts.post_published.v1" if version == 1 else "posts.post_edited.v1"
    return social.receive(type, id, version, post_data(id, by, **known))


def post_data(id, by, count=1, **known):
    """The author has published `count` posts by then."""
    return {
        "id": id,
        "author_id": by,
        "body": f"post *{id}*",
        "body_html": f"<p>post <em>{id}</em></p>",
        "published_at": (MORNING + timedelta(minutes=id)).isoformat(),
        "edited_at": None,
        "comment_count": 0,
        "comment_count_version": 0,
        "author_post_count": count,
        "author_post_count_version": count,
    } | known


def a_removed_post(social, id, by, count=0, count_version=99, version=9):
    told = {"id": id, "author_id": by, "author_post_count": count, "author_post_count_version": count_version}
    return social.receive("posts.post_removed.v1", id, version, told)


def comments(social, post, count, version, type="posts.comment_published.v1"):
    """posts has told that a post has so many comments."""
    told = {"id": 7, "post_id": post, "post_comment_count": count, "post_comment_count_version": version}
    return social.receive(type, 7, 1, told)


def follow(social, follower, followed):
    """Somebody follows somebody; both are known already."""
    return as_(social, follower).put(f"/api/v1/users/{followed}/follow")


def as_(social, id):
    return social.as_(NAMES.get(id, f"user{id}"), USER, id=id)


def the_golden_example(social):
    """The book's: john, susan, david; posts 1 susan, 2 john, 3 david, 4 john; follows 1→3, 2→1, 2→3."""
    for id, name in NAMES.items():
        a_person(social, id, name)
    for id, by, count in ((1, SUSAN, 1), (2, JOHN, 1), (3, DAVID, 1), (4, JOHN, 2)):
        a_post(social, id, by, count=count)
    for follower, followed in ((JOHN, DAVID), (SUSAN, JOHN), (SUSAN, DAVID)):
        follow(social, follower, followed)


def timeline(social, id, page=1, reader=None):
    return as_(social, reader or id).get(f"/api/v1/users/{id}/timeline/?page={page}").json


def ids(collection):
    return [post["id"] for post in collection["posts"]]


def tables(social):
    """What is in the tables, row by row, for comparisons."""
    import sqlalchemy as sa

    with social.app.app_context():
        db = social.app.extensions["sqlalchemy"]
        return {
            name: sorted(map(tuple, db.session.execute(sa.select(db.metadata.tables[name]))), key=repr)
            for name in ("people", "follows", "cards")
        }
