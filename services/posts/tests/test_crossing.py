"""Two at once, each in the middle of the other. (On SQLite the one begins when the other has ended.)"""

import pytest
import sqlalchemy as sa

from chassis.testing.crossing import crossing
from posts.models import Comment, db

from .states import MODERATOR, USER, a_comment, a_person, a_post

pytestmark = pytest.mark.only_real
BEN = 2


def test_a_comment_that_is_just_being_written_goes_with_its_author(posts):
    post = a_post(posts)
    a_person(posts, BEN, "ben")

    def leave():
        posts.receive("auth.user_removed.v1", BEN, 9, {"id": BEN})
        posts.job("forget people")

    crossing(posts, lambda: a_comment(posts, post, "remark of ben"), leave, after="INSERT INTO comments")
    with posts.app.app_context():
        [comment] = db.rows(sa.select(Comment.body, Comment.removed_at))
    assert (comment["body"], comment["removed_at"] is None) == ("", False)
    assert posts.as_("ann", USER).get(f"/api/v1/posts/{post['id']}").json["comment_count"] == 0


def test_a_comment_on_a_post_that_is_just_being_removed_is_not_written(posts):
    post = a_post(posts)
    gone, answer = crossing(
        posts,
        lambda: posts.as_("ann", USER).delete(f"/api/v1/posts/{post['id']}"),
        lambda: posts.as_("ben", USER).post(f"/api/v1/posts/{post['id']}/comments/", json={"body": "late"}),
        after="UPDATE comments",
    )
    assert (gone.status_code, answer.status_code) == (204, 404)


def test_what_was_moderated_since_it_was_looked_for_is_removed_with_a_later_version(posts):
    remark = a_comment(posts, a_post(posts))
    path = f"/api/v1/comments/{remark['id']}"
    gone, answer = crossing(
        posts,
        lambda: posts.as_("ben", USER).delete(path),
        lambda: posts.as_("mod", MODERATOR).put(f"{path}/disabled"),
        after="WHERE comments.id = %(pk_1)s",
    )
    assert (gone.status_code, answer.status_code) == (204, 200)
    told = {event.type.split(".")[1]: event.version for event in posts.outbox()}
    assert (told["comment_moderated"], told["comment_removed"]) == (2, 3)
